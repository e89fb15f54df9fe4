// Generated from the Rust types of hawker-protocol. Do not edit; regenerate with
// UPDATE_EXPECT=1 cargo test -p hawker-protocol --test typescript

export const SUB_PROTOCOL = "hawker.v1";

/** Topics that one hello may resume. */
export const RESUME_TOPICS_MAX = 32;

/** Every refusal's code. */
export type Code =
  | "invalid_json"
  | "invalid_request"
  | "unknown_request"
  | "too_large"
  | "too_deep"
  | "not_found"
  | "method_not_allowed"
  | "unsupported_media_type"
  | "range_unsatisfiable"
  | "hello_first"
  | "already_identified"
  | "unauthorized"
  | "token_expired"
  | "forbidden"
  | "origin_forbidden"
  | "rate_limited"
  | "too_many_requests_in_flight"
  | "too_many_connections"
  | "busy"
  | "timeout"
  | "unavailable"
  | "draining"
  | "retry"
  | "unknown_outcome"
  | "internal"
  | "idempotency_conflict"
  | "conflict"
  | "not_joined"
  | "shop_unknown"
  | "shop_exists"
  | "room_unknown"
  | "room_exists"
  | "product_unknown"
  | "sku_unknown"
  | "sku_taken"
  | "sale_unknown"
  | "sale_exists"
  | "reservation_unknown"
  | "reservation_exists"
  | "order_unknown"
  | "order_exists"
  | "comment_unknown"
  | "staff_unknown"
  | "room_not_ready"
  | "room_ended"
  | "not_listed"
  | "out_of_stock"
  | "nothing_pinned"
  | "slow_mode"
  | "muted"
  | "banned"
  | "keyword_blocked"
  | "sale_not_ready"
  | "sale_not_in_room"
  | "stock_short"
  | "total_too_low"
  | "presence_too_short"
  | "too_early"
  | "sale_ended"
  | "already_reserved"
  | "buyer_limit"
  | "holds_exhausted"
  | "sold_out"
  | "still_available"
  | "waitlist_full"
  | "already_waiting"
  | "not_waiting"
  | "no_offer"
  | "not_for_sale"
  | "reservation_not_held"
  | "order_not_ready"
  | "payment_mismatch"
  | "payment_conflict"
  | "payment_unmatched"
  | "order_archived"
  | "orders_open"
  | "conversation_unknown"
  | "session_unknown"
  | "too_old"
  | "session_closed"
  | "session_open"
  | "session_moved"
  | "already_taken"
  | "not_owner"
  | "saturated"
  | "agent_unknown"
  | "agent_not_ready"
  | "last_agent"
  | "buyer_blocked"
  | "message_unknown"
  | "recall_too_late"
  | "faq_unknown"
  | "quick_reply_unknown"
  | "report_unknown"
  | "report_exists"
  | "report_not_ready"
  | "already_rated"
  | "rule_unknown"
  | "campaign_unknown"
  | "campaign_exists"
  | "campaign_not_ready"
  | "campaign_ended"
  | "campaign_not_in_room"
  | "coupon_unknown"
  | "coupon_exists"
  | "coupon_limit"
  | "coupons_gone"
  | "budget_spent"
  | "not_eligible"
  | "task_open"
  | "coupon_not_usable"
  | "coupon_not_applicable"
  | "refund_exists"
  | "refund_too_large"
  | "not_capable"
  | "draw_unknown"
  | "draw_exists"
  | "draw_running"
  | "draw_not_ready"
  | "seed_mismatch"
  | "no_prize"
  | "draw_pending"
  | "already_pooled"
;

/** Why a request was not done. Details stand beside the code. */
export interface Refusal {
  /** Stable; codes may be added. */
  code: Code | (string & {});
  message: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  retry_after_ms?: number;
  [detail: string]: unknown;
}

/** Close codes: why a connection ended, and whether to come back by oneself. */
export const CLOSE_CODES: Readonly<Record<number, { reason: string; reconnect: boolean }>> = {
  1000: { reason: "bye", reconnect: false },
  1001: { reason: "the server or the page goes away", reconnect: true },
  1002: { reason: "this is not the WebSocket protocol", reconnect: false },
  1003: { reason: "only text frames are understood", reconnect: false },
  1007: { reason: "a text frame was not UTF-8", reconnect: false },
  1009: { reason: "the message is larger than allowed", reconnect: false },
  1011: { reason: "the server made a mistake", reconnect: true },
  1012: { reason: "the server restarts", reconnect: true },
  4401: { reason: "the token has expired: bring a fresh one", reconnect: true },
  4408: { reason: "reading too slowly: reconnect and resume", reconnect: true },
  4409: { reason: "no pong in time", reconnect: true },
  4429: { reason: "too many requests: slow down", reconnect: true },
  4500: { reason: "the first message must be a valid hello", reconnect: false },
  4501: { reason: "the token is not valid", reconnect: false },
  4503: { reason: "this account may not be here", reconnect: false },
  4504: { reason: "this account has too many connections", reconnect: false },
  4509: { reason: "too many invalid messages", reconnect: false },
  4526: { reason: "no common protocol version: offer hawker.v1", reconnect: false },
};

/**
 * Where an order goes.
 */
export type Address = { name: string, phone: string, lines: Array<string>, city: string, postcode: string, 
/**
 * ISO 3166-1 alpha-2.
 */
country: string, };

/**
 * Somebody who works at the desk.
 */
export type Agent = { agent: string, status: AgentStatus, intent: Intent, connections: number, 
/**
 * Until when he is expected back.
 */
grace_until?: number, 
/**
 * May exceed the cap: by force, or because the cap was lowered.
 */
load: number, cap: number, 
/**
 * The cap is below what is advised.
 */
cap_is_low: boolean, version: number, };

/**
 * The agent after the request.
 */
export type AgentChanged = { agent: Agent, };

/**
 * One agent's share of a window.
 */
export type AgentRate = { agent: string, hits: number, missed: number, 
/**
 * Sessions he closed as needing no reply.
 */
no_reply: number, 
/**
 * Hits among both, in hundredths of a percent, rounded down; of nothing: null.
 */
rate_bps: number | null, };

/**
 * The colour of an agent in the team view.
 */
export type AgentStatus = "accepting" | "saturated" | "busy" | "away" | "reconnecting" | "offline";

/**
 * What a supervisor should look at now.
 */
export type Alerts = { unassigned: number, 
/**
 * More than the policy's `unassigned_alert`.
 */
too_many_unassigned: boolean, expiring: number, 
/**
 * Nobody can be given a session.
 */
no_agent_routable: boolean, 
/**
 * Somebody accepts, and all of them are full.
 */
all_saturated: boolean, 
/**
 * Sessions above the caps of their owners.
 */
over_cap: number, 
/**
 * Assignments above a cap that somebody forced, ever.
 */
forced: number, };

export type AmountTier = { min_spend_minor: number, off_minor: number, };

/**
 * Whether the session counts as answered in time.
 */
export type AnswerState = { "kind": "pending", since: number, due_at: number, } | { "kind": "automatic" } | { "kind": "human", agent: string, at: number, } | { "kind": "missed", 
/**
 * Absent: it is the shop's miss alone.
 */
charged?: string, 
/**
 * The first reply after it.
 */
replied_at?: number, };

export type AssignReason = "sticky" | "lowest_saturation" | "picked" | "transferred" | "assigned_by_supervisor";

/**
 * Who may claim, judged at the claim.
 */
export type Audience = { "kind": "new_buyer", window_ms: number, } | { "kind": "returning", window_ms: number, } | { "kind": "follower" } | { "kind": "new_follower", window_ms?: number, } | { "kind": "named", buyers: Array<string>, } | { "kind": "room_viewer" };

export type AudienceKind = "new_buyer" | "returning" | "follower" | "new_follower" | "named" | "room_viewer";

/**
 * One rule of an audience. Several must all hold; each may be turned round.
 */
export type AudienceRule = { audience: Audience, negated?: boolean, };

/**
 * A rule of an audience as it is shown: without the names.
 */
export type AudienceShown = { kind: AudienceKind, negated: boolean, window_ms?: number, };

export type Automation = "faq" | "bot";

/**
 * What is ordered: `{"reservations":["v1"]}` or `{"lines":[{"sku":"mug","quantity":1}]}`. Holds
 * and ordinary goods run on different clocks and never mix.
 */
export type Basket = { "reservations": Array<string> } | { "lines": Array<BasketLine> };

/**
 * Ordinary goods.
 */
export type BasketLine = { sku: string, quantity: number, };

/**
 * What a discount comes from.
 */
export type Because = { "kind": "sale", sale: string, } | { "kind": "rule", rule: string, } | { "kind": "coupon", campaign: string, coupon: string, } | { "kind": "free_over" };

/**
 * Takes no more messages of a buyer.
 */
export type BuyerBlock = { shop: string, command_id: string, buyer: string, };

/**
 * Takes them again.
 */
export type BuyerUnblock = { shop: string, command_id: string, buyer: string, };

/**
 * A coupon campaign as the staff see it.
 */
export type Campaign = { campaign: string, title: string, state: CampaignState, funder: Funder, discount: Discount, items: ItemScope, rooms: Scope, audience: Array<AudienceShown>, task: Task, announce_at?: number, opens_at?: number, 
/**
 * Of a campaign that is over, when that was.
 */
closes_at?: number, validity: Validity, claims_total: number, per_buyer: number, budget_minor: number, stack_class?: StackClass, reminder_text: string, 
/**
 * ISO 4217.
 */
currency: string, counts: CampaignCounts, money: CampaignMoney, version: number, };

/**
 * The campaign after the request.
 */
export type CampaignChanged = { campaign: Campaign, };

/**
 * The funnel of a campaign. Nothing of it ever falls.
 */
export type CampaignCounts = { 
/**
 * Let in by hand or by a task.
 */
granted: number, 
/**
 * Did the task.
 */
completed: number, claimed: number, used: number, returned: number, expired: number, revoked: number, pushes: number, };

/**
 * Where the budget is. The three together are never above it.
 */
export type CampaignMoney = { spent_minor: number, locked_minor: number, 
/**
 * The worst case of what is claimed and in no order.
 */
claimed_minor: number, };

/**
 * A coupon campaign as its owner describes it.
 */
export type CampaignSpec = { title: string, 
/**
 * Platform money is the platform's system's to spend.
 */
funder?: Funder, discount: Discount, items?: ItemScope, 
/**
 * Where it can be claimed; from all rooms also means without one.
 */
rooms?: Scope, audience?: Array<AudienceRule>, task?: Task, announce_at?: number, 
/**
 * Absent: when it is opened by hand.
 */
opens_at?: number, closes_at?: number, validity: Validity, claims_total: number, per_buyer: number, 
/**
 * The worst case of every coupon is set aside from it at the claim.
 */
budget_minor: number, 
/**
 * Absent: by its funder and kind.
 */
stack_class?: StackClass, reminder_text?: string, };

export type CampaignState = "draft" | "announced" | "open" | "ending" | "ended" | "revoked";

/**
 * To `coupon.campaigns`.
 */
export type Campaigns = { campaigns: Array<Campaign>, 
/**
 * Present when there are more: ask with it as `cursor`.
 */
next?: string, };

/**
 * What the platform lets a shop do.
 */
export type Capabilities = { lucky_draws: boolean, };

/**
 * What shall change of it; what is absent stays.
 */
export type CapabilitiesChange = { lucky_draws?: boolean, };

/**
 * To `shop.capabilities`.
 */
export type CapabilitiesChanged = { capabilities: Capabilities, };

/**
 * A question of the card that opens with the chat page.
 */
export type CardQuestion = { faq: string, question: string, };

/**
 * What a basket would cost the buyer now, line by line. Nothing is held by it.
 */
export type CartQuote = { shop: string, basket: Basket, coupons?: "best" | Array<string>, 
/**
 * Where the buyer is, for prices that hold only there.
 */
room?: string, };

/**
 * Clicks a question of the FAQ; its answer comes as a message.
 */
export type ChatFaq = { shop: string, command_id: string, faq: string, 
/**
 * The live room the buyer stands in while he writes.
 */
room?: string, };

/**
 * Messages of the conversation, oldest first; without a bound the last ones.
 */
export type ChatHistory = { shop: string, 
/**
 * Older than this.
 */
before?: number, 
/**
 * Newer than this; wins over `before`.
 */
after?: number, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * `chat.message`: somebody said something, perhaps you. The push has the message's `seq`.
 */
export type ChatMessage = { message: Message, };

/**
 * Opens the chat page: what was said last, the card, and from then on the pushes of the
 * conversation.
 */
export type ChatOpen = { shop: string, };

/**
 * To `chat.open`.
 */
export type ChatOpened = { 
/**
 * Of this conversation.
 */
topic: string, 
/**
 * Always `"1"`: a conversation never restarts.
 */
epoch: string, 
/**
 * Of the last message; 0 before the first.
 */
seq: number, 
/**
 * Absent: the buyer has written nothing yet.
 */
conversation?: Conversation, 
/**
 * The open one, else the last.
 */
session?: ChatSession, card: Array<CardQuestion>, 
/**
 * The shop is on holiday: an answer may take longer.
 */
holiday: boolean, 
/**
 * The last 50, oldest first.
 */
messages: Array<Message>, };

/**
 * `chat.position`: the buyer moved up in the queue.
 */
export type ChatPosition = { session: number, position: Position, };

/**
 * Stars for a session that is over.
 */
export type ChatRate = { shop: string, command_id: string, session: number, stars: number, comment?: string, };

/**
 * How far the buyer has got.
 */
export type ChatRead = { shop: string, delivered?: number, 
/**
 * What is read was delivered.
 */
read?: number, };

/**
 * `chat.read`: somebody has read, or the buyer was blocked or is no longer.
 */
export type ChatReadPush = { conversation: Conversation, };

/**
 * Takes a message back, within two minutes.
 */
export type ChatRecall = { shop: string, command_id: string, seq: number, };

/**
 * `chat.recalled`: take the words of that message off the screen.
 */
export type ChatRecalled = { message_seq: number, };

/**
 * Says something. The first word opens a session.
 */
export type ChatSend = { shop: string, command_id: string, content: Draft, 
/**
 * The live room the buyer stands in while he writes.
 */
room?: string, };

/**
 * To `chat.send` and `desk.send`: the message as both sides see it.
 */
export type ChatSent = { message: Message, };

/**
 * A session as its buyer sees it.
 */
export type ChatSession = { session: number, opened_at: number, state: ChatState, 
/**
 * While it waits.
 */
position?: Position, 
/**
 * What the buyer gave it.
 */
stars?: number, version: number, };

/**
 * The session after the request, as its buyer sees it.
 */
export type ChatSessionChanged = { session: ChatSession, };

/**
 * `chat.session`: the session of the buyer looks different to him.
 */
export type ChatSessionPush = { session: ChatSession, };

export type ChatState = "self_served" | "waiting" | "assigned" | "closed";

/**
 * He types. Once every few seconds is enough.
 */
export type ChatTyping = { shop: string, };

/**
 * `chat.typing`: show it for a few seconds.
 */
export type ChatTypingPush = { side: Side, user: string, };

/**
 * To `sale.claim` and `sale.offer_accept`. Where the first moments of a sale are drawn, the
 * reservation is `pooled` until then.
 */
export type Claimed = { reservation: Reservation, 
/**
 * The buyer held these units already, from another command.
 */
existing: boolean, };

export type CloseReason = "agent" | "idle" | "no_reply" | "blocked";

/**
 * A session that is over: when it was, and which messages are its.
 */
export type ClosedSession = { session: number, buyer: string, opened_at: number, closed_at: number, reason: CloseReason, closed_by?: string, first_seq: number, last_seq: number, };

/**
 * A comment in a room.
 */
export type Comment = { comment: string, user: string, name: string, 
/**
 * As it was typed: whoever shows it must escape it.
 */
text: string, at: number, 
/**
 * Absent for buyers.
 */
role?: Role, };

/**
 * To `room.comment`: the comment as the others see it.
 */
export type Commented = { comment: Comment, };

/**
 * What is said in a message. Kinds may be added: show one you do not know as "a message".
 */
export type Content = { "kind": "text", text: string, } | { "kind": "emoji", emoji: string, } | { "kind": "image", upload: string, media_type: string, size_bytes: number, 
/**
 * `/v1/uploads/<shop>/<upload>` of this server.
 */
url: string, } | { "kind": "video", upload: string, media_type: string, size_bytes: number, 
/**
 * `/v1/uploads/<shop>/<upload>` of this server.
 */
url: string, } | { "kind": "product", product: string, } | { "kind": "order", order: string, } | { "kind": "coupon", coupon: string, } | { "kind": "question", faq: string, text: string, };

/**
 * The conversation of a shop with one buyer, as both sides see it.
 */
export type Conversation = { buyer: string, 
/**
 * Of the last message.
 */
seq: number, buyer_marks: Marks, staff_marks: Marks, 
/**
 * The shop takes no messages of this buyer.
 */
blocked: boolean, open_session?: number, 
/**
 * The newest one, open or closed.
 */
last_session?: number, };

/**
 * To `buyer.block` and `buyer.unblock`.
 */
export type ConversationChanged = { conversation: Conversation, };

/**
 * To `desk.open`.
 */
export type ConversationOpened = { 
/**
 * Of this conversation. Its pushes come to its agent, and to those who `desk.watch` it.
 */
topic: string, 
/**
 * Always `"1"`: a conversation never restarts.
 */
epoch: string, 
/**
 * Of the last message; 0 before the first.
 */
seq: number, 
/**
 * Absent: nothing was said yet.
 */
conversation?: Conversation, 
/**
 * The open one, else the last.
 */
session?: Session, 
/**
 * Closed ones, newest first.
 */
earlier: Array<ClosedSession>, 
/**
 * The last 50, oldest first.
 */
messages: Array<Message>, notes: Array<Note>, tags: Array<string>, };

/**
 * A coupon of a buyer.
 */
export type Coupon = { coupon: string, campaign: string, buyer: string, state: CouponState, 
/**
 * The most it takes off.
 */
worst_minor: number, 
/**
 * ISO 4217.
 */
currency: string, expires_at: number, version: number, };

/**
 * Shows the campaign before it opens; buyers can ask for a reminder.
 */
export type CouponAnnounce = { shop: string, command_id: string, campaign: string, };

/**
 * The campaigns of a shop with their figures, for its staff.
 */
export type CouponCampaigns = { shop: string, state?: CampaignState, 
/**
 * Only those that can be claimed in this room.
 */
room?: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * `coupon.changed`: one of your coupons changed.
 */
export type CouponChanged = { shop: string, coupon: Coupon, };

/**
 * Makes a coupon of the campaign the buyer's.
 */
export type CouponClaim = { shop: string, command_id: string, campaign: string, 
/**
 * Where the buyer is. A campaign of some rooms needs one of them while it is open.
 */
room?: string, };

/**
 * To `coupon.claim`.
 */
export type CouponClaimed = { coupon: Coupon, };

/**
 * Plans a coupon campaign.
 */
export type CouponCreate = { shop: string, command_id: string, 
/**
 * Absent: the server makes an id.
 */
campaign?: string, spec: CampaignSpec, };

/**
 * Takes no more claims; what was claimed stays good.
 */
export type CouponEnd = { shop: string, command_id: string, campaign: string, };

/**
 * These buyers may claim, whatever audience and task say.
 */
export type CouponGrant = { shop: string, command_id: string, campaign: string, buyers: Array<string>, };

/**
 * `coupon.granted`: you may claim now: you did the task, or somebody of the shop let you.
 */
export type CouponGranted = { shop: string, offer: Offer, };

/**
 * What a coupon is locked by: `{"reservation":"v1"}` or `{"order":"o1"}`.
 */
export type CouponHolder = { "reservation": string } | { "order": string };

/**
 * What a buyer may claim, what he has, and how far he is.
 */
export type CouponList = { shop: string, 
/**
 * Only offers of this room.
 */
room?: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * `coupon.offered`: the streamer shows you a campaign that not everybody in the room sees.
 */
export type CouponOffered = { shop: string, room: string, offer: Offer, };

/**
 * Takes claims from now on; tasks begin to count.
 */
export type CouponOpen = { shop: string, command_id: string, campaign: string, };

/**
 * `coupon.progress`: how far you are with a watch task.
 */
export type CouponProgress = { shop: string, progress: Progress, };

/**
 * Shows an open campaign to those in the room who fit all of the segment; everybody, if it is
 * empty.
 */
export type CouponPush = { shop: string, command_id: string, campaign: string, room: string, segment?: Array<AudienceRule>, };

/**
 * Asks to be told shortly before an announced campaign opens.
 */
export type CouponRemind = { shop: string, command_id: string, campaign: string, };

/**
 * `coupon.reminder`: the campaign you asked about is about to open.
 */
export type CouponReminder = { shop: string, campaign: string, text: string, opens_at: number, };

/**
 * Takes back what was claimed and is in no order.
 */
export type CouponRevoke = { shop: string, command_id: string, of: RevokeOf, };

export type CouponState = { "kind": "claimed" } | { "kind": "locked", by: CouponHolder, } | { "kind": "used", order: string, spent_minor: number, } | { "kind": "expired" } | { "kind": "revoked" };

/**
 * To `coupon.list`. The first page has all that is the buyer's own.
 */
export type Coupons = { 
/**
 * Campaigns that are announced or can be claimed from, and those of the coupons below.
 */
offers: Array<Offer>, 
/**
 * Claimed and locked ones.
 */
coupons: Array<Coupon>, 
/**
 * Campaigns that he may claim from by a grant or a task he did.
 */
granted: Array<string>, progress: Array<Progress>, 
/**
 * Campaigns whose opening he wants to be told.
 */
reminders: Array<string>, 
/**
 * Present when there are more offers: ask with it as `cursor`.
 */
next?: string, };

/**
 * To `room.dashboard`: the figures of one room.
 */
export type Dashboard = { room: string, at: number, viewers: number, viewers_peak: number, joins: number, likes: number, comments: number, sales: Array<DashboardSale>, 
/**
 * Units of the room's sales that are on hold now.
 */
reserved: number, sold: number, 
/**
 * Of the units sold from the room's sales, at the price they were sold at.
 */
revenue_paid_minor: number, 
/**
 * ISO 4217.
 */
currency: string, 
/**
 * Absent: no coupon can be claimed in the room.
 */
promo?: DashboardPromo, version: number, };

/**
 * One campaign on the dashboard.
 */
export type DashboardCampaign = { campaign: string, title: string, state: CampaignState, funder: Funder, counts: CampaignCounts, money: CampaignMoney, 
/**
 * Of a watch task.
 */
watch?: WatchFunnel, };

/**
 * One item on the dashboard: `available + reserved + offered + sold = total`.
 */
export type DashboardItem = { sku: string, title: string, state: ItemState, price_minor: number, total: number, available: number, reserved: number, offered: number, sold: number, waitlist_length: number, };

/**
 * What the coupons of a room cost and did, on its dashboard.
 */
export type DashboardPromo = { 
/**
 * Campaigns that can be claimed in the room.
 */
campaigns: Array<DashboardCampaign>, 
/**
 * What they have cost so far, by who pays.
 */
seller_minor: number, platform_minor: number, 
/**
 * Watched for their tasks, by all viewers together.
 */
watched_ms: number, };

/**
 * One sale on the dashboard.
 */
export type DashboardSale = { sale: string, title: string, state: SaleState, items: Array<DashboardItem>, };

/**
 * `desk.agent`: somebody of the team looks different.
 */
export type DeskAgent = { agent: Agent, };

/**
 * `desk.alert`: what a supervisor should look at changed.
 */
export type DeskAlert = { alerts: Alerts, };

/**
 * A session for somebody else, by a supervisor.
 */
export type DeskAssign = { shop: string, command_id: string, session: number, 
/**
 * As the session showed it.
 */
epoch: number, agent: string, 
/**
 * Above the cap; supervisors only.
 */
force?: boolean, };

/**
 * `desk.assigned`: the session is yours now; it says why. Its conversation's pushes follow.
 */
export type DeskAssigned = { shop: string, session: Session, };

/**
 * How many sessions an agent holds at most.
 */
export type DeskCap = { shop: string, command_id: string, 
/**
 * Absent: the one who asks. Another one: supervisors only.
 */
agent?: string, cap: number, };

/**
 * Ends a session. One that is not answered still has to be.
 */
export type DeskClose = { shop: string, command_id: string, session: number, 
/**
 * As the session showed it.
 */
epoch: number, };

/**
 * `desk.dismissed`: the shop lets you work at its desk no more. You hear neither the desk nor the
 * conversations that you watched.
 */
export type DeskDismissed = { shop: string, };

/**
 * What was said, as evidence.
 */
export type DeskExport = { shop: string, of: ExportOf, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * `desk.gap`: this reader was too slow and skips `from` to `to`, both included. With a snapshot
 * he is up to date again, but for the lists and the team; without one he resumes.
 */
export type DeskGap = { from: number, to: number, snapshot?: DeskSnapshot, };

/**
 * Messages of a conversation, oldest first; without a bound the last ones.
 */
export type DeskHistory = { shop: string, buyer: string, 
/**
 * Older than this.
 */
before?: number, 
/**
 * Newer than this; wins over `before`.
 */
after?: number, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * This connection works at the desk: it counts as the agent's link and hears the desk's pushes and
 * those of the conversations he owns. His intent stays what it was.
 */
export type DeskJoin = { shop: string, };

/**
 * To `desk.join`.
 */
export type DeskJoined = { me: Agent, snapshot: DeskSnapshot, };

/**
 * It works there no longer.
 */
export type DeskLeave = { shop: string, };

/**
 * One of the lists of the desk.
 */
export type DeskList = { shop: string, list: SessionList, 
/**
 * Whose; absent: with `mine` the one who asks, else everybody's.
 */
agent?: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * Leaves with all connections at once: whoever he serves is passed on.
 */
export type DeskLogOut = { shop: string, command_id: string, 
/**
 * It is known that nobody else accepts.
 */
confirmed?: boolean, };

/**
 * Ends a session that needs no reply: it does not count.
 */
export type DeskNoReply = { shop: string, command_id: string, session: number, 
/**
 * As the session showed it.
 */
epoch: number, };

/**
 * Writes down something that the buyer never sees.
 */
export type DeskNote = { shop: string, command_id: string, buyer: string, text: string, };

/**
 * A conversation with all that is known of its buyer.
 */
export type DeskOpen = { shop: string, buyer: string, };

/**
 * Changes figures of the desk; without any it reads them.
 */
export type DeskPolicy = { shop: string, command_id: string, policy?: PolicyChange, };

/**
 * The FAQ, its card and the quick replies.
 */
export type DeskQuickReplies = { shop: string, };

/**
 * How far the staff has got.
 */
export type DeskRead = { shop: string, buyer: string, delivered?: number, 
/**
 * What is read was delivered.
 */
read?: number, };

/**
 * Takes an own message back, within two minutes.
 */
export type DeskRecall = { shop: string, command_id: string, buyer: string, seq: number, };

/**
 * Reports a session as no fair one. It counts until the report is upheld.
 */
export type DeskReport = { shop: string, command_id: string, session: number, reason: string, };

/**
 * `desk.report`: a report was filed or decided.
 */
export type DeskReportPush = { report: Report, };

/**
 * The response rate of the sessions that opened in `[from, until)`.
 */
export type DeskResponseRate = { shop: string, from: number, until: number, by?: RateBy, 
/**
 * With `by` agent: only his.
 */
agent?: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * Messages that contain a text, newest first.
 */
export type DeskSearch = { shop: string, text: string, 
/**
 * Absent: in all conversations.
 */
buyer?: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * Says something to a buyer. Outside a session it opens none.
 */
export type DeskSend = { shop: string, command_id: string, buyer: string, content: Draft, };

/**
 * `desk.session`: a session looks different.
 */
export type DeskSession = { session: Session, };

/**
 * `desk.settings`: the switches of the desk as they are now.
 */
export type DeskSettings = { policy: Policy, 
/**
 * Absent: the shop is open.
 */
holiday?: Holiday, 
/**
 * The FAQ, its card or the quick replies are others: ask for them again.
 */
texts_changed: boolean, };

/**
 * What an agent needs to draw the desk: the rest he asks for. It holds the pushes of the topic up
 * to `seq`.
 */
export type DeskSnapshot = { topic: string, 
/**
 * A new owner of the shop starts a new epoch; `seq` means nothing across epochs.
 */
epoch: string, seq: number, 
/**
 * The server's clock.
 */
now: number, alerts: Alerts, 
/**
 * Absent: the shop is open.
 */
holiday?: Holiday, policy: Policy, };

/**
 * What an agent means to do.
 */
export type DeskStatus = { shop: string, command_id: string, 
/**
 * Absent: the one who asks. Another one: supervisors only.
 */
agent?: string, status: Intent, 
/**
 * It is known that nobody else accepts.
 */
confirmed?: boolean, };

/**
 * Replaces the tags of a buyer.
 */
export type DeskTag = { shop: string, command_id: string, buyer: string, tags: Array<string>, };

/**
 * An unowned session, for the one who asks.
 */
export type DeskTake = { shop: string, command_id: string, session: number, 
/**
 * Above the cap; supervisors only.
 */
force?: boolean, };

/**
 * Everybody of the desk.
 */
export type DeskTeam = { shop: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * Passes a session on.
 */
export type DeskTransfer = { shop: string, command_id: string, session: number, 
/**
 * As the session showed it.
 */
epoch: number, 
/**
 * Absent: back among those that wait, with its old clock.
 */
agent?: string, 
/**
 * Above the cap; supervisors only.
 */
force?: boolean, };

/**
 * He types. Once every few seconds is enough.
 */
export type DeskTyping = { shop: string, buyer: string, };

/**
 * `desk.unassigned`: the session is no longer yours.
 */
export type DeskUnassigned = { shop: string, session: Session, };

/**
 * It hears them no longer.
 */
export type DeskUnwatch = { shop: string, buyer: string, };

/**
 * Decides a report.
 */
export type DeskVerdict = { shop: string, command_id: string, session: number, report: string, verdict: Verdict, };

/**
 * From now on this connection hears the pushes of a conversation that is not its agent's.
 */
export type DeskWatch = { shop: string, buyer: string, };

/**
 * What a coupon takes off, from which spend. Thresholds rise; the highest that is satisfied
 * counts.
 */
export type Discount = { "kind": "amount", tiers: Array<AmountTier>, } | { "kind": "percent", tiers: Array<PercentTier>, max_discount_minor: number, } | { "kind": "fixed_price", tiers: Array<PriceTier>, max_discount_minor: number, } | { "kind": "free_shipping", min_spend_minor?: number, max_discount_minor: number, };

/**
 * Yes, and nothing more to say.
 */
export type Done = Record<symbol, never>;

/**
 * What a client says in one message.
 */
export type Draft = { "kind": "text", text: string, } | { "kind": "emoji", emoji: string, } | { "kind": "image", upload: string, } | { "kind": "video", upload: string, } | { "kind": "product", product: string, } | { "kind": "order", order: string, } | { "kind": "coupon", coupon: string, } | { "kind": "quick_reply", quick_reply: string, variables?: { [key in string]: string }, };

/**
 * `drain`: after that delay open a new connection, then close this one.
 */
export type Drain = { after_ms: number, };

/**
 * A lucky draw. Whoever entered, did the task and was there at the close counts.
 */
export type Draw = { draw: string, room: string, title: string, state: DrawState, winners_max: number, task: Task, closes_at: number, 
/**
 * SHA-256 of the seed, in hex.
 */
seed_hash: string, 
/**
 * How many have entered.
 */
entries: number, 
/**
 * How many of them count; absent before the close.
 */
eligible?: number, 
/**
 * In hex, once it is revealed.
 */
seed?: string, 
/**
 * In the order of the draw. A room is shown the first fifty.
 */
winners: Array<DrawWinner>, version: number, };

/**
 * Where the prize goes; by its winner, in time.
 */
export type DrawAddress = { shop: string, command_id: string, draw: string, address: Address, };

/**
 * The draw after the request.
 */
export type DrawChanged = { draw: Draw, };

/**
 * Draws the winners of a draw whose time is over, where the server has not done so by itself.
 * Before that it is `draw_not_ready`: a draw runs as long as was said.
 */
export type DrawClose = { shop: string, command_id: string, draw: string, };

/**
 * Starts a draw. One runs in a room at a time.
 */
export type DrawCreate = { shop: string, command_id: string, 
/**
 * Absent: the server makes an id.
 */
draw?: string, spec: DrawSpec, };

/**
 * Takes part. Entering again changes nothing.
 */
export type DrawEnter = { shop: string, command_id: string, draw: string, };

/**
 * `draw.entered`: you are in the draw.
 */
export type DrawEntered = { shop: string, draw: string, };

/**
 * `draw.forfeited`: your prize is lost, no address came in time.
 */
export type DrawForfeited = { shop: string, draw: string, };

/**
 * The draws that are running or not yet done.
 */
export type DrawList = { shop: string, room?: string, };

/**
 * A lucky draw as its streamer describes it. It runs from the request on and cannot be called
 * off; the server makes the seed and shows its hash at once.
 */
export type DrawSpec = { room: string, title: string, winners: number, 
/**
 * A comment or a purchase enters by itself; otherwise `draw.enter` does.
 */
task?: Task, 
/**
 * 10 s to 12 h.
 */
run_ms: number, 
/**
 * How long a winner has to say where the prize goes. 1 h to 30 days; absent: 48 h.
 */
address_ms?: number, 
/**
 * A prize that nobody claims goes to the next in order.
 */
next_in_order?: boolean, };

export type DrawState = "running" | "closed" | "drawn" | "done";

export type DrawWinner = { buyer: string, prize: PrizeState, };

/**
 * `draw.won`: you won; say with `draw.address` where the prize goes.
 */
export type DrawWon = { shop: string, draw: string, address_by: number, };

/**
 * To `draw.list`.
 */
export type Draws = { draws: Array<Draw>, };

/**
 * Why a session does not count.
 */
export type Exclusion = "holiday" | "no_reply" | "reported";

/**
 * What is exported: `{"buyer":"u1"}`, all of his conversation, or `{"session":7}`, its messages.
 */
export type ExportOf = { "buyer": string } | { "session": number };

/**
 * A question of the knowledge base and its automatic answer.
 */
export type Faq = { faq: string, question: string, answer: string, };

/**
 * The questions on the card that opens with the chat page, in order.
 */
export type FaqCard = { shop: string, command_id: string, questions: Array<string>, };

/**
 * Takes a question off the FAQ and its card.
 */
export type FaqRemove = { shop: string, command_id: string, faq: string, };

/**
 * To `faq.set`.
 */
export type FaqSaved = { faq: string, };

/**
 * Puts a question of the FAQ, or changes it.
 */
export type FaqSet = { shop: string, command_id: string, 
/**
 * Absent: a new one, with an id that the server makes.
 */
faq?: string, question: string, answer: string, };

/**
 * How many first replies came within `within_ms`, and not within the step before.
 */
export type FirstReplies = { 
/**
 * Absent: however late.
 */
within_ms?: number, count: number, };

/**
 * To `shop.follow` and `shop.unfollow`.
 */
export type Following = { following: boolean, };

/**
 * To `desk.search`.
 */
export type Found = { hits: Array<Hit>, 
/**
 * Present when there may be more: ask with it as `cursor`, also after a page without hits.
 */
next?: string, };

/**
 * Who bears a discount.
 */
export type Funder = "seller" | "platform";

/**
 * The first message. A browser sends its token here; others may have sent it as a header.
 */
export type Hello = { token?: string, 
/**
 * Topics to go on with after a lost connection.
 */
resume?: Array<ResumeAt>, };

/**
 * A message that was found, and whose conversation it is in.
 */
export type Hit = { buyer: string, message: Message, };

/**
 * Sessions that start in it do not count. From its first millisecond up to, and without, its end;
 * without an end it lasts until it is lifted.
 */
export type Holiday = { from: number, until?: number, };

/**
 * To `shop.holiday`.
 */
export type HolidayChanged = { 
/**
 * Absent: the shop is open.
 */
holiday?: Holiday, };

/**
 * What an agent means to do. Only he or a supervisor changes it.
 */
export type Intent = "accepting" | "busy" | "away" | "off";

/**
 * Which goods a rule or a coupon is for: `"all"` or `{"skus":["red-m"]}`.
 */
export type ItemScope = "all" | { "skus": Array<string> };

export type ItemState = "closed" | "live" | "sold_out_soft" | "sold_out_hard";

/**
 * A new total of one item; not below what is reserved, offered and sold.
 */
export type ItemTotal = { sku: string, total: number, };

/**
 * To `room.join`.
 */
export type Joined = { 
/**
 * Opaque; hand it back in `hello.resume`.
 */
presence: string, me: Me, snapshot: RoomSnapshot, };

/**
 * To `room.keywords`. Only staff see them.
 */
export type KeywordsChanged = { room: string, keywords: Array<string>, };

/**
 * The layers of a price in the order they apply.
 */
export type Layer = "item_price" | "item_subsidy" | "seller_coupon" | "platform_coupon" | "shipping";

/**
 * The bounds a client should know before it runs into them.
 */
export type Limits = { message_bytes_max: number, 
/**
 * For those who bring a role of the staff.
 */
staff_message_bytes_max: number, frame_requests_max: number, requests_in_flight_max: number, requests_per_s: number, comment_chars_max: number, likes_per_s_max: number, chat_text_chars_max: number, image_bytes_max: number, video_bytes_max: number, resume_topics_max: number, 
/**
 * Coupons that one purchase names.
 */
coupons_named_max: number, 
/**
 * How often a viewer sends `room.watch`.
 */
watch_ms: number, };

/**
 * How long the room has been live: `elapsed_ms` up to `at`, and running on while it is live.
 */
export type LiveClock = { elapsed_ms: number, at: number, };

/**
 * What was on screen when a buyer wrote out of a live room.
 */
export type LiveContext = { room: string, 
/**
 * How long the room had been live.
 */
live_ms: number, 
/**
 * The SKU that was shown large.
 */
pinned?: string, };

/**
 * To `chat.read` and `desk.read`.
 */
export type Marked = { conversation: Conversation, };

/**
 * How far one side has got. Marks only grow.
 */
export type Marks = { delivered: number, read: number, };

/**
 * All of a buyer's own state in a shop. A join returns it, so that what was pushed while nobody
 * listened is not lost.
 */
export type Me = { following: boolean, 
/**
 * Muted in this room until then.
 */
muted_until?: number, 
/**
 * Holds, and claims that wait for the draw of their sale.
 */
reservations: Array<Reservation>, orders: Array<Order>, waiting: Array<Waiting>, 
/**
 * Sales whose start the buyer wants to be told.
 */
reminders: Array<string>, 
/**
 * Claimed and locked ones.
 */
coupons?: Array<Coupon>, 
/**
 * Campaigns that he may claim from by a grant or a task he did.
 */
granted?: Array<string>, progress?: Array<Progress>, 
/**
 * Campaigns whose opening he wants to be told.
 */
campaign_reminders?: Array<string>, 
/**
 * Running draws that he is in.
 */
entered?: Array<string>, };

export type Message = { 
/**
 * Without gaps in its conversation, from 1.
 */
seq: number, at: number, 
/**
 * The session it belongs to, if any.
 */
session?: number, from: Sender, 
/**
 * Absent once it was recalled.
 */
content?: Content, };

/**
 * A page of messages, oldest first.
 */
export type Messages = { messages: Array<Message>, 
/**
 * There are more in the direction that was asked for.
 */
more: boolean, };

/**
 * What the staff wrote about a buyer; he never sees it.
 */
export type Note = { note: string, text: string, };

/**
 * A coupon campaign as buyers see it.
 */
export type Offer = { campaign: string, title: string, state: CampaignState, funder: Funder, discount: Discount, items: ItemScope, rooms: Scope, audience: Array<AudienceShown>, task: Task, opens_at?: number, closes_at?: number, validity: Validity, per_buyer: number, 
/**
 * Coupons that nobody has claimed yet.
 */
left: number, 
/**
 * ISO 4217.
 */
currency: string, version: number, };

/**
 * An order. It is paid by `pay_by` or it ends.
 */
export type Order = { order: string, buyer: string, lines: Array<OrderLine>, total_minor: number, 
/**
 * ISO 4217.
 */
currency: string, placed_at: number, pay_by: number, state: OrderState, 
/**
 * Money that came in and buys nothing: a person has to send it back.
 */
refunds_required: Array<Refund>, 
/**
 * Why it costs what it costs. Absent: ordered before prices were explained.
 */
quote?: Quote, 
/**
 * What went back to the buyer so far; absent: nothing.
 */
refunded_minor?: number, version: number, };

/**
 * Cancels an unpaid order.
 */
export type OrderCancel = { shop: string, command_id: string, order: string, };

/**
 * The order after the request.
 */
export type OrderChanged = { order: Order, };

/**
 * Chooses coupons anew, until payment begins. Prices of goods and subsidies stay as they were.
 */
export type OrderCoupons = { shop: string, command_id: string, order: string, coupons: "best" | Array<string>, };

export type OrderLine = { sku: string, quantity: number, unit_price_minor: number, 
/**
 * The hold this line pays for; ordinary goods have none.
 */
reservation?: string, };

/**
 * The buyer's own orders, newest first.
 */
export type OrderList = { shop: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50; at most 200.
 */
limit?: number, };

/**
 * The buyer leaves for the payment page: the hold is extended once.
 */
export type OrderPay = { shop: string, command_id: string, order: string, };

/**
 * Orders held units or ordinary goods.
 */
export type OrderPlace = { shop: string, command_id: string, basket: Basket, address: Address, coupons?: "best" | Array<string>, 
/**
 * Where the buyer is, for prices that hold only there.
 */
room?: string, };

/**
 * `order.changed`: one of your orders changed.
 */
export type OrderPush = { shop: string, order: Order, };

/**
 * `order.reminder`: an order waits for its payment.
 */
export type OrderReminder = { shop: string, order: string, pay_by: number, };

export type OrderState = { "kind": "unpaid" } | { "kind": "payment_pending" } | { "kind": "paid", payment: string, } | { "kind": "cancelled", reason: ReleaseReason, };

/**
 * To `order.list`.
 */
export type Orders = { orders: Array<Order>, 
/**
 * Present when there are more: ask with it as `cursor`.
 */
next?: string, };

/**
 * What becomes of the sessions of an agent who is gone.
 */
export type OwnerDown = "keep" | "requeue_unanswered" | "requeue_all";

export type PercentTier = { min_spend_minor: number, off_bps: number, };

/**
 * The product that is shown large.
 */
export type Pin = { sku: string, product: string, title: string, price_minor: number, version: number, };

/**
 * Asks for the server's clock.
 */
export type Ping = { 
/**
 * The client's clock, returned as it came.
 */
t0: number, };

/**
 * Every figure of the desk. What has begun keeps the figures it began with.
 */
export type Policy = { 
/**
 * A person has to answer within this. 1 min to 24 h.
 */
answer_within_ms: number, 
/**
 * Unanswered for longer than this is expiring. Absent: five sixths of the window.
 */
expiring_after_ms?: number, 
/**
 * Which automatic replies count as an answer.
 */
automation_counts: Array<Automation>, 
/**
 * What takes a session out of the rate.
 */
excludes: Array<Exclusion>, 
/**
 * A session without any message for this long is closed. 24 h to 60 days.
 */
auto_close_ms: number, 
/**
 * A buyer comes back to the agent who served him within this. 0 to 90 days.
 */
sticky_ms: number, 
/**
 * How long an agent without a connection is expected back. 0 to 5 min.
 */
grace_ms: number, owner_down: OwnerDown, 
/**
 * Who owned a session for less than this is not charged with its miss; the one before him
 * is. 0 to 24 h.
 */
charge_after_ms: number, 
/**
 * What an agent holds at most until he says otherwise. 1 to 10,000.
 */
cap: number, 
/**
 * More unassigned sessions than this raise an alert. 0 to 1,000,000.
 */
unassigned_alert: number, verdict_by: VerdictBy, 
/**
 * Only supervisors may mark that no reply is needed.
 */
no_reply_by_supervisor: boolean, };

/**
 * Figures to change; what is absent stays.
 */
export type PolicyChange = { answer_within_ms?: number, 
/**
 * Null: five sixths of the window.
 */
expiring_after_ms?: number | null, automation_counts?: Array<Automation>, excludes?: Array<Exclusion>, auto_close_ms?: number, sticky_ms?: number, grace_ms?: number, owner_down?: OwnerDown, charge_after_ms?: number, cap?: number, unassigned_alert?: number, verdict_by?: VerdictBy, no_reply_by_supervisor?: boolean, };

/**
 * To `desk.policy`.
 */
export type PolicyChanged = { policy: Policy, };

/**
 * To `ping`: with the client's clock at arrival, t3, its offset is `((t1-t0)+(t2-t3))/2`.
 */
export type Pong = { t0: number, 
/**
 * The server's clock when the request came.
 */
t1: number, 
/**
 * The server's clock when the reply left.
 */
t2: number, };

/**
 * A place in the queue, one-based. It never becomes worse.
 */
export type Position = { "kind": "exact", place: number, } | { "kind": "beyond", place: number, };

/**
 * One discount of a line or of the shipping: which layer, what rule, who pays, how much.
 */
export type PricePart = { layer: Layer, because: Because, funder: Funder, amount_minor: number, };

/**
 * A price rule that needs no coupon.
 */
export type PriceRule = { rule: string, spec: RuleSpec, 
/**
 * Platform money that went into it so far.
 */
spent_minor: number, 
/**
 * ISO 4217.
 */
currency: string, version: number, };

/**
 * The rule after the request.
 */
export type PriceRuleChanged = { rule: PriceRule, };

/**
 * Ends a price rule. What was ordered keeps its price.
 */
export type PriceRuleEnd = { shop: string, command_id: string, rule: string, };

/**
 * To `price.rules`.
 */
export type PriceRuleList = { rules: Array<PriceRule>, stacking: Stacking, 
/**
 * Present when there are more: ask with it as `cursor`.
 */
next?: string, };

/**
 * Makes a price rule, or replaces it.
 */
export type PriceRuleSet = { shop: string, command_id: string, 
/**
 * Absent: the server makes an id.
 */
rule?: string, spec: RuleSpec, };

/**
 * The price rules of a shop, and which discounts do not meet.
 */
export type PriceRules = { shop: string, 
/**
 * `next` of the page before.
 */
cursor?: string, 
/**
 * Absent: 50.
 */
limit?: number, };

/**
 * Where the price of a unit comes from. Of equal prices the one that stands first here counts;
 * live and creator flash prices rank alike.
 */
export type PriceSource = "live_flash" | "creator_flash" | "live_fixed" | "campaign" | "flash" | "product_discount" | "items_discount";

/**
 * Replaces the pairs of discounts that do not meet; the server counts the version.
 */
export type PriceStacking = { shop: string, command_id: string, forbidden: Array<[StackClass, StackClass]>, };

export type PriceTier = { min_spend_minor: number, price_minor: number, };

export type PrizeState = { "kind": "open", address_by: number, } | { "kind": "claimed" } | { "kind": "forfeited" };

/**
 * A product and what of it can freely be sold.
 */
export type Product = { product: string, title: string, image_url?: string, 
/**
 * Only listed products can be shown, pinned and sold.
 */
listed: boolean, 
/**
 * ISO 4217.
 */
currency: string, skus: Array<Sku>, version: number, };

/**
 * How far a buyer is with a watch task. It is the server's number and never falls: whoever
 * animates it must come back to it.
 */
export type Progress = { campaign: string, watched_ms: number, needed_ms: number, completed: boolean, };

/**
 * A reply that was written beforehand, with a `{name}` where something is filled in.
 */
export type QuickReply = { quick_reply: string, text: string, };

/**
 * Removes a quick reply.
 */
export type QuickReplyRemove = { shop: string, command_id: string, quick_reply: string, };

/**
 * To `quick_reply.set`.
 */
export type QuickReplySaved = { quick_reply: string, };

/**
 * Puts a quick reply, or changes it.
 */
export type QuickReplySet = { shop: string, command_id: string, 
/**
 * Absent: a new one, with an id that the server makes.
 */
quick_reply?: string, 
/**
 * A `{name}` is filled in when it is sent.
 */
text: string, };

/**
 * A priced cart with its explanation: `list = goods + seller + platform`, and
 * `total = goods + shipping`.
 */
export type Quote = { 
/**
 * ISO 4217, of every amount in it.
 */
currency: string, 
/**
 * Of the rule that says which discounts meet. 0: an order of before prices were explained.
 */
stacking_version: number, lines: Array<QuoteLine>, shipping_fee_minor: number, 
/**
 * What takes the fee away, or a part of it. Its amount is in neither of the sums below.
 */
shipping_off?: PricePart, 
/**
 * What the buyer pays for the shipping.
 */
shipping_minor: number, 
/**
 * The coupons that it uses.
 */
coupons: Array<UsedCoupon>, list_minor: number, 
/**
 * The goods after every discount.
 */
goods_minor: number, 
/**
 * What seller and platform bear of the goods' discounts.
 */
seller_minor: number, platform_minor: number, total_minor: number, };

/**
 * A line of it: `payable = quantity x list price - parts`.
 */
export type QuoteLine = { sku: string, quantity: number, 
/**
 * Of one unit.
 */
list_price_minor: number, 
/**
 * Of one unit, before subsidies and coupons.
 */
unit_price_minor: number, 
/**
 * Absent: a unit costs the list price.
 */
source?: PriceSource, 
/**
 * Units that the platform gave something to.
 */
subsidised: number, 
/**
 * In the order of the layers; only those that take something off.
 */
parts: Array<PricePart>, payable_minor: number, };

/**
 * To `cart.quote`.
 */
export type Quoted = { quote: Quote, };

/**
 * The sessions that were opened in `[from, until)`, by what they are now.
 */
export type Rate = { 
/**
 * Not before what is still known: 97 days.
 */
from: number, until: number, pending: number, faq_hits: number, human_hits: number, missed: number, 
/**
 * Those of `missed` that no agent is charged with.
 */
missed_unassigned: number, 
/**
 * Not counted, for any of the three reasons after it.
 */
excluded: number, holiday: number, no_reply: number, reported: number, rated: number, 
/**
 * Four stars or five.
 */
satisfied: number, 
/**
 * By the time to the first reply, rising.
 */
first_replies: Array<FirstReplies>, 
/**
 * Hits among all that count, what is pending included, in hundredths of a percent, rounded
 * down. Of nothing there is no rate: null.
 */
rate_bps: number | null, 
/**
 * Hits among what is decided.
 */
settled_bps: number | null, 
/**
 * Those marked as needing no reply among all.
 */
no_reply_bps: number | null, };

/**
 * Whose response rate.
 */
export type RateBy = "shop" | "agent";

/**
 * A fresh token, before the old one expires.
 */
export type Refresh = { token: string, };

/**
 * To `refresh`.
 */
export type Refreshed = { expires_at: number, };

export type Refund = { payment: string, amount_minor: number, };

/**
 * Why held units went back.
 */
export type ReleaseReason = "expired" | "buyer_cancel" | "payment_failed_final" | "seller_cancel" | "fraud" | "sale_cancelled" | "offer_expired";

/**
 * That a session was no fair one, by an agent.
 */
export type Report = { report: string, session: number, state: ReportState, };

/**
 * The report after the request.
 */
export type ReportChanged = { report: Report, };

export type ReportState = "filed" | "upheld" | "rejected" | "overturned";

/**
 * Units of a sale that are held for one buyer at a fixed price.
 */
export type Reservation = { reservation: string, sale: string, sku: string, buyer: string, quantity: number, 
/**
 * Of one unit.
 */
price_minor: number, 
/**
 * ISO 4217.
 */
currency: string, state: ReservationState, version: number, };

/**
 * The reservation after the request.
 */
export type ReservationChanged = { reservation: Reservation, };

/**
 * `reservation.changed`: one of your holds changed.
 */
export type ReservationPush = { shop: string, reservation: Reservation, };

/**
 * Gives up a hold that has no order yet.
 */
export type ReservationRelease = { shop: string, command_id: string, reservation: string, };

export type ReservationState = { "kind": "pooled" } | { "kind": "held", expires_at: number, } | { "kind": "ordered", order: string, } | { "kind": "sold", order: string, } | { "kind": "released", reason: ReleaseReason, };

/**
 * To `desk.response_rate`.
 */
export type ResponseRate = { 
/**
 * Of the whole shop, where that was asked for.
 */
shop?: Rate, 
/**
 * By agent, where that was asked for; those without any session are left out.
 */
agents?: Array<AgentRate>, 
/**
 * Present when there are more: ask with it as `cursor`.
 */
next?: string, };

/**
 * To `room.mute` and `room.ban`.
 */
export type Restricted = { room: string, user: string, 
/**
 * Absent: until it is lifted.
 */
until?: number, };

/**
 * Where a topic was left.
 */
export type ResumeAt = { topic: string, epoch: string, 
/**
 * The last one that was seen.
 */
seq: number, 
/**
 * As the join gave it: keeps the time already spent in the room.
 */
presence?: string, };

/**
 * How a topic goes on: with everything that was missed, or, when that is no longer kept, with a
 * snapshot. Never with a part of it. A conversation has no snapshot: open it again where it was
 * not recovered.
 */
export type Resumed = { topic: string, epoch: string, 
/**
 * The last one of the topic that is contained here.
 */
seq: number, recovered: boolean, 
/**
 * The missed pushes in their order, as they were sent to the others. Those of a conversation
 * end with what has no `seq`: which of its last messages were recalled, how far either side
 * has read, and the session.
 */
missed?: Push[], 
/**
 * Present when a room or a desk was not recovered.
 */
snapshot?: Snapshot, 
/**
 * The user's own state, with a room: personal pushes that were missed show in it.
 */
me?: Me, presence?: string, 
/**
 * Why the topic does not go on at all: join again, or do not.
 */
error?: Refusal, };

/**
 * All coupons of a campaign, which ends with it, or one: `{"campaign":"c1"}` or
 * `{"coupon":"k1"}`.
 */
export type RevokeOf = { "campaign": string } | { "coupon": string };

/**
 * To `coupon.revoke`: what was named there, after the request.
 */
export type Revoked = { campaign?: Campaign, coupon?: Coupon, };

/**
 * What a token's owner may act as in a shop.
 */
export type Role = "buyer" | "streamer" | "agent" | "supervisor" | "manager" | "service";

/**
 * A room as everybody in it may see it.
 */
export type Room = { room: string, streamer: string, title: string, cover_url?: string, playback_url?: string, state: RoomState, live_clock: LiveClock, 
/**
 * The least time between two comments of one buyer; 0 when slow mode is off.
 */
slow_mode_ms: number, keep_comments: boolean, 
/**
 * The products in the bag, in the order shown.
 */
bag: Array<string>, pinned?: Pin, likes: number, joins: number, viewers_peak: number, version: number, };

/**
 * Replaces the bag: the products shown, in order.
 */
export type RoomBag = { shop: string, command_id: string, room: string, products: Array<string>, };

/**
 * Sends a user out of the room.
 */
export type RoomBan = { shop: string, command_id: string, room: string, user: string, 
/**
 * Absent: until it is lifted.
 */
for_ms?: number, };

/**
 * `room.banned`: you must leave; the room sends you nothing more.
 */
export type RoomBanned = { shop: string, room: string, 
/**
 * Absent: until it is lifted.
 */
until?: number, };

/**
 * The room after the request.
 */
export type RoomChanged = { room: Room, };

/**
 * Says something. The author gets the comment in the reply.
 */
export type RoomComment = { shop: string, command_id: string, room: string, text: string, };

/**
 * `room.comment_deleted`: take it off the screen.
 */
export type RoomCommentDeleted = { comment: string, };

/**
 * `room.comment`: somebody said something. A room that is busier than anybody reads shows an even
 * sample; what is left out has no place in the sequence.
 */
export type RoomCommentPush = { comment: Comment, 
/**
 * How many comments were left out since the last one that was shown; absent: none.
 */
skipped?: number, };

/**
 * `room.coupon`: a campaign of the room looks different, or is to be shown now.
 */
export type RoomCoupon = { offer: Offer, 
/**
 * The streamer shows it: open it on the screen.
 */
shown: boolean, };

/**
 * Schedules a room.
 */
export type RoomCreate = { shop: string, command_id: string, 
/**
 * Absent: the server makes an id.
 */
room?: string, spec: RoomSpec, };

/**
 * The figures of a room.
 */
export type RoomDashboard = { shop: string, room: string, };

/**
 * Takes a comment away from everybody.
 */
export type RoomDeleteComment = { shop: string, command_id: string, room: string, comment: string, };

/**
 * `room.draw`: a draw of the room looks different.
 */
export type RoomDraw = { draw: Draw, };

/**
 * Ends a room and its sales for good.
 */
export type RoomEnd = { shop: string, command_id: string, room: string, };

/**
 * `room.gap`: this reader was too slow and skips `from` to `to`, both included. With a snapshot
 * he is up to date again; without one he resumes.
 */
export type RoomGap = { from: number, to: number, snapshot?: RoomSnapshot, };

/**
 * Enters a room: a snapshot, the buyer's own state, and from then on the room's pushes.
 */
export type RoomJoin = { shop: string, room: string, };

/**
 * Replaces the words that comments must not contain. Whole words are blocked, in any case; in
 * scripts without spaces between words, and in Korean, a word is found anywhere.
 */
export type RoomKeywords = { shop: string, command_id: string, room: string, keywords: Array<string>, };

/**
 * Leaves a room: no more of its pushes.
 */
export type RoomLeave = { shop: string, room: string, };

/**
 * Likes since the last report. The server counts at most 10 a second and buyer.
 */
export type RoomLike = { shop: string, room: string, count: number, };

/**
 * `room.likes`: the total; it only grows.
 */
export type RoomLikes = { likes: number, };

/**
 * The rooms of a shop.
 */
export type RoomList = { shop: string, state?: RoomState, };

/**
 * Lets a user read but not comment.
 */
export type RoomMute = { shop: string, command_id: string, room: string, user: string, 
/**
 * Absent: until it is lifted.
 */
for_ms?: number, };

/**
 * `room.own_comment`: yours, which the room was too busy to show to everybody. It is in no
 * snapshot.
 */
export type RoomOwnComment = { comment: Comment, };

/**
 * Pauses the live clock; claims go on.
 */
export type RoomPause = { shop: string, command_id: string, room: string, };

/**
 * Shows one product large.
 */
export type RoomPin = { shop: string, command_id: string, room: string, sku: string, };

/**
 * `room.pinned`: which product is shown large; absent: none. Its version is the room's.
 */
export type RoomPinned = { pinned?: Pin, version: number, };

/**
 * `room.product`: a product of the bag, its price or its free stock changed.
 */
export type RoomProduct = { product: Product, };

/**
 * `room.redacted`: a comment stood here that was deleted since; its place in the sequence stays.
 */
export type RoomRedacted = Record<symbol, never>;

/**
 * Goes on after a pause.
 */
export type RoomResume = { shop: string, command_id: string, room: string, };

/**
 * `room.sale`: a sale appeared or changed its state, with all its items.
 */
export type RoomSale = { sale: Sale, };

/**
 * Sets the least time between two comments of one buyer; 0 turns it off.
 */
export type RoomSlowMode = { shop: string, command_id: string, room: string, interval_ms: number, };

/**
 * Everything a viewer needs to draw a room. It holds the pushes of the topic up to `seq`.
 */
export type RoomSnapshot = { topic: string, 
/**
 * A new owner of the room starts a new epoch; `seq` means nothing across epochs.
 */
epoch: string, seq: number, room: Room, 
/**
 * ISO 4217, of every amount in the room.
 */
currency: string, 
/**
 * The products in the bag and those on sale.
 */
products: Array<Product>, 
/**
 * Sales that are announced or running here, and those that ended lately.
 */
sales: Array<Sale>, 
/**
 * Coupon campaigns that are announced here or can be claimed from: the newest first, at most
 * 20. `coupon.list` has the others.
 */
offers?: Array<Offer>, 
/**
 * Lucky draws of the room that are not done: the one that closes last first, at most 5.
 */
draws?: Array<Draw>, viewers: number, 
/**
 * The recent comments, oldest first.
 */
comments: Array<Comment>, };

/**
 * A room as its streamer describes it.
 */
export type RoomSpec = { 
/**
 * Who streams; without it the one who asks.
 */
streamer?: string, title: string, cover_url?: string, playback_url?: string, 
/**
 * Kept comments survive the room; others are gone after the last 500 or 5 minutes.
 */
keep_comments?: boolean, slow_mode_ms?: number, };

/**
 * Goes live.
 */
export type RoomStart = { shop: string, command_id: string, room: string, };

export type RoomState = "scheduled" | "live" | "paused" | "ended";

/**
 * `room.state`: the room looks different.
 */
export type RoomStatePush = { room: Room, };

/**
 * `room.stock`: units of one item moved. `available + reserved + offered + sold = total`.
 */
export type RoomStock = { sale: string, sku: string, version: number, available: number, reserved: number, offered: number, sold: number, total: number, waitlist_length: number, state: ItemState, };

/**
 * Lifts a ban.
 */
export type RoomUnban = { shop: string, command_id: string, room: string, user: string, };

/**
 * Lifts a mute.
 */
export type RoomUnmute = { shop: string, command_id: string, room: string, user: string, };

/**
 * Shows none large.
 */
export type RoomUnpin = { shop: string, command_id: string, room: string, };

/**
 * `room.viewers`: how many watch now, watched at most, and came in all.
 */
export type RoomViewers = { viewers: number, viewers_peak: number, joins: number, };

/**
 * The heartbeat of a viewer, every 10 s (`watch_ms` of the welcome) and at each change. One counts
 * for 15 s while it plays and shows, whatever becomes of the connection.
 */
export type RoomWatch = { shop: string, room: string, playing: boolean, 
/**
 * Whether the page is in front.
 */
visible: boolean, 
/**
 * Where the player is in the media.
 */
position_ms?: number, 
/**
 * The buyer touched the player just now: of several rooms of a shop that he has open, watch
 * time counts in the one touched last. Joining does so too.
 */
touched?: boolean, 
/**
 * What this device calls itself, where the token does not say. Few buyers count on one.
 */
device?: string, };

/**
 * To `room.list`.
 */
export type Rooms = { rooms: Array<Room>, };

/**
 * What a rule does to a price.
 */
export type RuleEffect = { "kind": "product_discount", off_bps: number, } | { "kind": "flash_price", price_minor: number, } | { "kind": "campaign_price", price_minor: number, } | { "kind": "creator_flash", price_minor: number, } | { "kind": "live_fixed", price_minor: number, } | { "kind": "items_discount", units_min: number, off_bps: number, } | { "kind": "subsidy", per_unit_minor: number, per_buyer: number, budget_minor: number, } | { "kind": "free_shipping", min_goods_minor: number, };

/**
 * A price rule as its owner describes it; replaces what was known before.
 */
export type RuleSpec = { title: string, effect: RuleEffect, 
/**
 * A price needs goods that are named.
 */
items?: ItemScope, 
/**
 * Only for orders out of these rooms, while they are on air. Live prices need it.
 */
live_only?: Scope, 
/**
 * Absent: at once.
 */
starts_at?: number, 
/**
 * Absent: until it is ended.
 */
ends_at?: number, };

/**
 * A flash sale with its items.
 */
export type Sale = { sale: string, title: string, scope: Scope, state: SaleState, announce_at?: number, starts_at?: number, ends_at?: number, 
/**
 * How long a claimed unit is held for payment.
 */
hold_ms: number, min_presence_ms: number, 
/**
 * While true, buyers see no price.
 */
price_hidden: boolean, reminder_text: string, 
/**
 * ISO 4217.
 */
currency: string, items: Array<StockItem>, 
/**
 * Claims of its first moments are drawn. Absent: taken as they come.
 */
draw?: SaleDraw, version: number, };

/**
 * Shows the sale with its countdown; its stock moves out of free stock.
 */
export type SaleAnnounce = { shop: string, command_id: string, sale: string, };

/**
 * Calls it off; unpaid reservations are released.
 */
export type SaleCancel = { shop: string, command_id: string, sale: string, };

/**
 * What shall change; what is absent stays. Once announced, a sale's price is fixed.
 */
export type SaleChange = { starts_at?: number, ends_at?: number, totals?: Array<ItemTotal>, reminder_text?: string, };

/**
 * The sale after the request.
 */
export type SaleChanged = { sale: Sale, };

/**
 * Wants units now. The client must be in the room. The coupons are locked as long as the hold
 * lives; where the first moments of a sale are drawn, none are: they are chosen with the order.
 */
export type SaleClaim = { shop: string, command_id: string, room: string, sale: string, sku: string, quantity: number, coupons?: "best" | Array<string>, };

/**
 * Plans a flash sale.
 */
export type SaleCreate = { shop: string, command_id: string, 
/**
 * Absent: the server makes an id.
 */
sale?: string, spec: SaleSpec, };

/**
 * How the claims of a sale's first moments are drawn.
 */
export type SaleDraw = { 
/**
 * Claims of so long after the start are drawn instead of taken as they come.
 */
window_ms: number, 
/**
 * SHA-256 of the seed, in hex.
 */
seed_hash: string, 
/**
 * In hex, once it is revealed.
 */
seed?: string, };

/**
 * Ends now; reservations stay valid.
 */
export type SaleEnd = { shop: string, command_id: string, sale: string, };

/**
 * One item as its streamer describes it.
 */
export type SaleItemSpec = { sku: string, total: number, per_buyer: number, price_minor: number, };

/**
 * `sale.not_drawn`: your claim of the sale's first moments got nothing. Whoever was drawn gets
 * `reservation.changed`.
 */
export type SaleNotDrawn = { shop: string, sale: string, };

/**
 * `sale.offer`: your place on a waitlist changed: a better position, an offer, or gone.
 */
export type SaleOffer = { shop: string, waiting: Waiting, };

/**
 * Takes the offered units: the offer becomes a reservation.
 */
export type SaleOfferAccept = { shop: string, command_id: string, sale: string, sku: string, };

/**
 * Leaves the offered units to the next.
 */
export type SaleOfferDecline = { shop: string, command_id: string, sale: string, sku: string, };

/**
 * Asks to be told shortly before the start.
 */
export type SaleRemind = { shop: string, command_id: string, sale: string, };

/**
 * `sale.reminder`: the sale you asked about is about to start.
 */
export type SaleReminder = { shop: string, sale: string, text: string, starts_at: number, };

/**
 * Moves free stock into a running sale.
 */
export type SaleRestock = { shop: string, command_id: string, sale: string, sku: string, quantity: number, };

/**
 * A sale as its streamer describes it.
 */
export type SaleSpec = { title: string, scope?: Scope, items: Array<SaleItemSpec>, 
/**
 * Absent: `countdown_ms` before the start.
 */
announce_at?: number, 
/**
 * Absent: the sale is a draft.
 */
starts_at?: number, countdown_ms?: number, run_ms?: number, hold_ms?: number, min_presence_ms?: number, 
/**
 * The price stays hidden until the sale starts.
 */
price_hidden?: boolean, reminder_text?: string, 
/**
 * Claims of so long after the start are drawn by a seed, instead of taken as they come. The
 * server makes the seed and shows its hash from the announcement on. 100 ms to 1 min.
 */
draw_window_ms?: number, };

/**
 * Starts now.
 */
export type SaleStart = { shop: string, command_id: string, sale: string, };

export type SaleState = "draft" | "scheduled" | "announced" | "live" | "sold_out" | "ended" | "cancelled";

/**
 * Changes what may still change.
 */
export type SaleUpdate = { shop: string, command_id: string, sale: string, change: SaleChange, };

/**
 * Waits for units that come back.
 */
export type SaleWaitlist = { shop: string, command_id: string, room: string, sale: string, sku: string, quantity: number, };

/**
 * Waits no longer.
 */
export type SaleWaitlistLeave = { shop: string, command_id: string, sale: string, sku: string, };

/**
 * In which rooms a sale can be claimed: `"all_rooms"` or `{"rooms":["r1"]}`.
 */
export type Scope = "all_rooms" | { "rooms": Array<string> };

/**
 * Who speaks.
 */
export type Sender = { "by": "buyer" } | { "by": "agent", user: string, } | { "by": "faq", faq: string, } | { "by": "bot", user: string, };

/**
 * One reception of a buyer, as the staff sees it.
 */
export type Session = { session: number, buyer: string, opened_at: number, state: SessionState, 
/**
 * Rises with every change of the owner; hand it back to act on the session.
 */
epoch: number, answer: AnswerState, 
/**
 * What takes it out of the response rate.
 */
excluded: Array<Exclusion>, 
/**
 * Since when the buyer waits for another word.
 */
unanswered_since?: number, 
/**
 * Unanswered for most of the time there is.
 */
expiring: boolean, position?: Position, 
/**
 * Why its owner is its owner.
 */
why?: Why, 
/**
 * What was on screen, if the buyer wrote out of a live room.
 */
context?: LiveContext, stars?: number, 
/**
 * Of the last message of its conversation.
 */
seq: number, version: number, };

/**
 * The session after the request, as the staff sees it.
 */
export type SessionChanged = { session: Session, };

/**
 * The lists of the desk.
 */
export type SessionList = "mine" | "unassigned" | "self_served" | "expiring" | "needs_reply" | "closed";

export type SessionState = { "kind": "self_served" } | { "kind": "waiting" } | { "kind": "assigned", agent: string, since: number, } | { "kind": "closed", reason: CloseReason, };

/**
 * To `desk.list`.
 */
export type Sessions = { sessions: Array<Session>, 
/**
 * Present when there are more: ask with it as `cursor`.
 */
next?: string, };

/**
 * The figures of the rules. A sale keeps the ones it was created with.
 */
export type Settings = { 
/**
 * How long a claimed unit is held for payment. 10 s to 24 h.
 */
reservation_hold_ms: number, 
/**
 * How much longer, once, when the buyer is at the payment provider. 0 to 1 h.
 */
payment_grace_ms: number, 
/**
 * How long a buyer must have been in the room before he may claim. 0 to 10 min.
 */
min_presence_ms: number, 
/**
 * Announcement to start, where a sale does not say. 1 s to 1 h.
 */
sale_countdown_ms: number, 
/**
 * Start to end, where a sale does not say. 1 s to 24 h.
 */
sale_run_ms: number, 
/**
 * Before the start, those who asked are reminded. 0 to 1 h.
 */
sale_reminder_lead_ms: number, 
/**
 * Holds a buyer may let expire in one sale before he gets no more. 0 to 100.
 */
unpaid_expiries_max: number, 
/**
 * How long a waiting buyer may think about an offer. 5 s to 1 h.
 */
waitlist_offer_ms: number, 
/**
 * A waitlist takes this many times the item's total. 0 to 100.
 */
waitlist_factor: number, 
/**
 * An ordinary order is cancelled when it is not paid by then. 1 min to 30 days.
 */
unpaid_window_ms: number, 
/**
 * When the buyer of an unpaid order is reminded, after placing it; rising.
 */
order_reminders_ms: Array<number>, 
/**
 * What sending an order costs. 0 to 1,000,000.
 */
shipping_fee_minor: number, 
/**
 * Goods of this much are sent free of charge. Absent: none are.
 */
shipping_free_over_minor?: number, 
/**
 * How long what was earned in a room can be claimed after its end. 0 to 24 h.
 */
claim_grace_ms: number, 
/**
 * Draws that one buyer may win within the window. 1 to 99.
 */
draw_wins_max: number, 
/**
 * 1 h to 90 days.
 */
draw_repeat_window_ms: number, 
/**
 * Whether watch time counts while the page is not in front.
 */
count_background: boolean, };

/**
 * Settings to change; what is absent stays.
 */
export type SettingsChange = { reservation_hold_ms?: number, payment_grace_ms?: number, min_presence_ms?: number, sale_countdown_ms?: number, sale_run_ms?: number, sale_reminder_lead_ms?: number, unpaid_expiries_max?: number, waitlist_offer_ms?: number, waitlist_factor?: number, unpaid_window_ms?: number, order_reminders_ms?: Array<number>, shipping_fee_minor?: number, 
/**
 * Null: none are sent free of charge.
 */
shipping_free_over_minor?: number | null, claim_grace_ms?: number, draw_wins_max?: number, draw_repeat_window_ms?: number, count_background?: boolean, };

/**
 * A shop: one currency, one set of rules.
 */
export type Shop = { shop: string, name: string, 
/**
 * ISO 4217.
 */
currency: string, settings: Settings, version: number, };

/**
 * Changes what the platform lets the shop do; without any it reads it.
 */
export type ShopCapabilities = { shop: string, command_id: string, capabilities?: CapabilitiesChange, };

/**
 * To `shop.settings`.
 */
export type ShopChanged = { shop: Shop, };

/**
 * Follows a shop.
 */
export type ShopFollow = { shop: string, command_id: string, };

/**
 * Sets when the shop is on holiday; null lifts it.
 */
export type ShopHoliday = { shop: string, command_id: string, holiday: Holiday | null, };

/**
 * Changes settings; without any it reads them.
 */
export type ShopSettings = { shop: string, command_id: string, settings?: SettingsChange, };

/**
 * Follows it no longer.
 */
export type ShopUnfollow = { shop: string, command_id: string, };

/**
 * The two sides of a conversation.
 */
export type Side = "buyer" | "staff";

/**
 * A variant that is sold.
 */
export type Sku = { sku: string, title: string, price_minor: number, 
/**
 * Free to sell now; what is on hold or in a sale is not in it.
 */
stock: Stock, };

/**
 * Everything needed to draw what a topic is about; the topic's name tells which.
 */
export type Snapshot = RoomSnapshot | DeskSnapshot;

/**
 * What a discount counts as where it meets another.
 */
export type StackClass = "discount" | "flash" | "fixed_price" | "subsidy" | "seller_coupon" | "platform_coupon" | "shipping" | "exclusive";

/**
 * Which discounts do not meet on a line: of a pair that stands here the earlier layer's stays.
 * Orders say by which version they were priced.
 */
export type Stacking = { version: number, forbidden: Array<[StackClass, StackClass]>, };

/**
 * To `price.stacking`.
 */
export type StackingChanged = { stacking: Stacking, };

/**
 * How much of a SKU is free to sell: `{"units":5}` or `"unlimited"`.
 */
export type Stock = { "units": number } | "unlimited";

/**
 * One item of a sale and where its units are: `available + reserved + offered + sold = total`.
 */
export type StockItem = { sku: string, title: string, 
/**
 * Absent while the price is hidden.
 */
price_minor?: number, list_price_minor: number, per_buyer: number, total: number, available: number, reserved: number, offered: number, sold: number, waitlist_length: number, state: ItemState, version: number, };

/**
 * What a buyer does before he may claim or counts in a draw.
 */
export type Task = { "kind": "none" } | { "kind": "follow" } | { "kind": "comment", keyword: string, } | { "kind": "watch", needed_ms: number, } | { "kind": "purchase" };

/**
 * To `desk.team`.
 */
export type Team = { agents: Array<Agent>, alerts: Alerts, 
/**
 * Present when there are more: ask with it as `cursor`.
 */
next?: string, };

/**
 * To `desk.quick_replies`: what the shop has written beforehand.
 */
export type Texts = { faq: Array<Faq>, 
/**
 * The questions on the card, in order.
 */
card: Array<string>, quick_replies: Array<QuickReply>, };

/**
 * To `desk.export`: a page of what was said, oldest first.
 */
export type Transcript = { buyer: string, 
/**
 * As it is now, where one session was asked for and its figures are still kept.
 */
session?: Session, messages: Array<Message>, 
/**
 * Present when there are more: ask with it as `cursor`.
 */
next?: string, };

/**
 * A coupon that a price uses, and all that it takes off.
 */
export type UsedCoupon = { coupon: string, campaign: string, layer: Layer, funder: Funder, amount_minor: number, };

/**
 * Until when a coupon can be used.
 */
export type Validity = { "kind": "until", at: number, } | { "kind": "for", span_ms: number, };

export type Verdict = "upheld" | "rejected" | "overturned";

/**
 * Who decides reports.
 */
export type VerdictBy = "service" | "manager";

/**
 * A buyer's place on a waitlist: one for each buyer and SKU of a sale.
 */
export type Waiting = { sale: string, sku: string, quantity: number, state: WaitingState, version: number, };

export type WaitingState = { "kind": "waiting", position: number, } | { "kind": "offered", expires_at: number, } | { "kind": "gone" };

/**
 * To `sale.waitlist`.
 */
export type Waitlisted = { waiting: Waiting, };

/**
 * How many have begun a watch task, and how much they watched in all. Who is through stands in
 * the campaign's counts.
 */
export type WatchFunnel = { started: number, watched_ms: number, };

/**
 * To `desk.watch`: where the conversation stands.
 */
export type Watching = { topic: string, 
/**
 * Always `"1"`: a conversation never restarts.
 */
epoch: string, seq: number, };

/**
 * To `hello`: who you are here, and the topics that go on.
 */
export type Welcome = { user: string, roles: Array<Role>, 
/**
 * The server's clock.
 */
now: number, 
/**
 * Names this connection in support requests.
 */
connection: string, 
/**
 * How often the server sends a WebSocket ping. Twice as long without one: reconnect.
 */
ping_ms: number, 
/**
 * When the token expires: `refresh` before.
 */
expires_at?: number, limits: Limits, resumed: Array<Resumed>, };

/**
 * Why this agent.
 */
export type Why = { reason: AssignReason, 
/**
 * What he held before, and his cap.
 */
load: number, cap: number, 
/**
 * How many agents could have taken it.
 */
routable: number, 
/**
 * Above his cap, by the one named.
 */
forced: boolean, by?: string, };

/** Every request: its fields, and what a yes carries. */
export interface Requests {
  "hello": { fields: Hello; ok: Welcome };
  "refresh": { fields: Refresh; ok: Refreshed };
  "ping": { fields: Ping; ok: Pong };
  "room.join": { fields: RoomJoin; ok: Joined };
  "room.leave": { fields: RoomLeave; ok: Done };
  "room.comment": { fields: RoomComment; ok: Commented };
  "room.like": { fields: RoomLike; ok: Done };
  "room.watch": { fields: RoomWatch; ok: Done };
  "room.list": { fields: RoomList; ok: Rooms };
  "room.create": { fields: RoomCreate; ok: RoomChanged };
  "room.start": { fields: RoomStart; ok: RoomChanged };
  "room.pause": { fields: RoomPause; ok: RoomChanged };
  "room.resume": { fields: RoomResume; ok: RoomChanged };
  "room.end": { fields: RoomEnd; ok: RoomChanged };
  "room.bag": { fields: RoomBag; ok: RoomChanged };
  "room.pin": { fields: RoomPin; ok: RoomChanged };
  "room.unpin": { fields: RoomUnpin; ok: RoomChanged };
  "room.slow_mode": { fields: RoomSlowMode; ok: RoomChanged };
  "room.keywords": { fields: RoomKeywords; ok: KeywordsChanged };
  "room.mute": { fields: RoomMute; ok: Restricted };
  "room.unmute": { fields: RoomUnmute; ok: Done };
  "room.ban": { fields: RoomBan; ok: Restricted };
  "room.unban": { fields: RoomUnban; ok: Done };
  "room.delete_comment": { fields: RoomDeleteComment; ok: Done };
  "room.dashboard": { fields: RoomDashboard; ok: Dashboard };
  "sale.remind": { fields: SaleRemind; ok: Done };
  "sale.claim": { fields: SaleClaim; ok: Claimed };
  "sale.waitlist": { fields: SaleWaitlist; ok: Waitlisted };
  "sale.waitlist_leave": { fields: SaleWaitlistLeave; ok: Done };
  "sale.offer_accept": { fields: SaleOfferAccept; ok: Claimed };
  "sale.offer_decline": { fields: SaleOfferDecline; ok: Done };
  "sale.create": { fields: SaleCreate; ok: SaleChanged };
  "sale.update": { fields: SaleUpdate; ok: SaleChanged };
  "sale.announce": { fields: SaleAnnounce; ok: SaleChanged };
  "sale.start": { fields: SaleStart; ok: SaleChanged };
  "sale.end": { fields: SaleEnd; ok: SaleChanged };
  "sale.cancel": { fields: SaleCancel; ok: SaleChanged };
  "sale.restock": { fields: SaleRestock; ok: SaleChanged };
  "reservation.release": { fields: ReservationRelease; ok: ReservationChanged };
  "order.place": { fields: OrderPlace; ok: OrderChanged };
  "order.coupons": { fields: OrderCoupons; ok: OrderChanged };
  "order.pay": { fields: OrderPay; ok: OrderChanged };
  "order.cancel": { fields: OrderCancel; ok: OrderChanged };
  "order.list": { fields: OrderList; ok: Orders };
  "shop.follow": { fields: ShopFollow; ok: Following };
  "shop.unfollow": { fields: ShopUnfollow; ok: Following };
  "shop.settings": { fields: ShopSettings; ok: ShopChanged };
  "cart.quote": { fields: CartQuote; ok: Quoted };
  "price.rules": { fields: PriceRules; ok: PriceRuleList };
  "price.rule_set": { fields: PriceRuleSet; ok: PriceRuleChanged };
  "price.rule_end": { fields: PriceRuleEnd; ok: Done };
  "price.stacking": { fields: PriceStacking; ok: StackingChanged };
  "shop.capabilities": { fields: ShopCapabilities; ok: CapabilitiesChanged };
  "coupon.list": { fields: CouponList; ok: Coupons };
  "coupon.claim": { fields: CouponClaim; ok: CouponClaimed };
  "coupon.remind": { fields: CouponRemind; ok: Done };
  "coupon.campaigns": { fields: CouponCampaigns; ok: Campaigns };
  "coupon.create": { fields: CouponCreate; ok: CampaignChanged };
  "coupon.announce": { fields: CouponAnnounce; ok: CampaignChanged };
  "coupon.open": { fields: CouponOpen; ok: CampaignChanged };
  "coupon.push": { fields: CouponPush; ok: CampaignChanged };
  "coupon.grant": { fields: CouponGrant; ok: CampaignChanged };
  "coupon.end": { fields: CouponEnd; ok: CampaignChanged };
  "coupon.revoke": { fields: CouponRevoke; ok: Revoked };
  "draw.list": { fields: DrawList; ok: Draws };
  "draw.create": { fields: DrawCreate; ok: DrawChanged };
  "draw.enter": { fields: DrawEnter; ok: DrawChanged };
  "draw.address": { fields: DrawAddress; ok: DrawChanged };
  "draw.close": { fields: DrawClose; ok: DrawChanged };
  "chat.open": { fields: ChatOpen; ok: ChatOpened };
  "chat.send": { fields: ChatSend; ok: ChatSent };
  "chat.faq": { fields: ChatFaq; ok: ChatSessionChanged };
  "chat.read": { fields: ChatRead; ok: Marked };
  "chat.typing": { fields: ChatTyping; ok: Done };
  "chat.recall": { fields: ChatRecall; ok: Done };
  "chat.history": { fields: ChatHistory; ok: Messages };
  "chat.rate": { fields: ChatRate; ok: ChatSessionChanged };
  "desk.join": { fields: DeskJoin; ok: DeskJoined };
  "desk.leave": { fields: DeskLeave; ok: Done };
  "desk.log_out": { fields: DeskLogOut; ok: AgentChanged };
  "desk.status": { fields: DeskStatus; ok: AgentChanged };
  "desk.cap": { fields: DeskCap; ok: AgentChanged };
  "desk.team": { fields: DeskTeam; ok: Team };
  "desk.list": { fields: DeskList; ok: Sessions };
  "desk.take": { fields: DeskTake; ok: SessionChanged };
  "desk.assign": { fields: DeskAssign; ok: SessionChanged };
  "desk.transfer": { fields: DeskTransfer; ok: SessionChanged };
  "desk.close": { fields: DeskClose; ok: SessionChanged };
  "desk.no_reply": { fields: DeskNoReply; ok: SessionChanged };
  "desk.report": { fields: DeskReport; ok: ReportChanged };
  "desk.verdict": { fields: DeskVerdict; ok: ReportChanged };
  "desk.response_rate": { fields: DeskResponseRate; ok: ResponseRate };
  "desk.open": { fields: DeskOpen; ok: ConversationOpened };
  "desk.watch": { fields: DeskWatch; ok: Watching };
  "desk.unwatch": { fields: DeskUnwatch; ok: Done };
  "desk.send": { fields: DeskSend; ok: ChatSent };
  "desk.read": { fields: DeskRead; ok: Marked };
  "desk.typing": { fields: DeskTyping; ok: Done };
  "desk.recall": { fields: DeskRecall; ok: Done };
  "desk.history": { fields: DeskHistory; ok: Messages };
  "desk.note": { fields: DeskNote; ok: Done };
  "desk.tag": { fields: DeskTag; ok: Done };
  "buyer.block": { fields: BuyerBlock; ok: ConversationChanged };
  "buyer.unblock": { fields: BuyerUnblock; ok: ConversationChanged };
  "desk.search": { fields: DeskSearch; ok: Found };
  "desk.export": { fields: DeskExport; ok: Transcript };
  "desk.quick_replies": { fields: DeskQuickReplies; ok: Texts };
  "faq.set": { fields: FaqSet; ok: FaqSaved };
  "faq.remove": { fields: FaqRemove; ok: Done };
  "faq.card": { fields: FaqCard; ok: Done };
  "quick_reply.set": { fields: QuickReplySet; ok: QuickReplySaved };
  "quick_reply.remove": { fields: QuickReplyRemove; ok: Done };
  "shop.holiday": { fields: ShopHoliday; ok: HolidayChanged };
  "desk.policy": { fields: DeskPolicy; ok: PolicyChanged };
}

/** Requests that change state: they carry a command id. */
export const CHANGES: ReadonlySet<string> = new Set([
  "room.comment",
  "room.create",
  "room.start",
  "room.pause",
  "room.resume",
  "room.end",
  "room.bag",
  "room.pin",
  "room.unpin",
  "room.slow_mode",
  "room.keywords",
  "room.mute",
  "room.unmute",
  "room.ban",
  "room.unban",
  "room.delete_comment",
  "sale.remind",
  "sale.claim",
  "sale.waitlist",
  "sale.waitlist_leave",
  "sale.offer_accept",
  "sale.offer_decline",
  "sale.create",
  "sale.update",
  "sale.announce",
  "sale.start",
  "sale.end",
  "sale.cancel",
  "sale.restock",
  "reservation.release",
  "order.place",
  "order.coupons",
  "order.pay",
  "order.cancel",
  "shop.follow",
  "shop.unfollow",
  "shop.settings",
  "price.rule_set",
  "price.rule_end",
  "price.stacking",
  "shop.capabilities",
  "coupon.claim",
  "coupon.remind",
  "coupon.create",
  "coupon.announce",
  "coupon.open",
  "coupon.push",
  "coupon.grant",
  "coupon.end",
  "coupon.revoke",
  "draw.create",
  "draw.enter",
  "draw.address",
  "draw.close",
  "chat.send",
  "chat.faq",
  "chat.recall",
  "chat.rate",
  "desk.log_out",
  "desk.status",
  "desk.cap",
  "desk.take",
  "desk.assign",
  "desk.transfer",
  "desk.close",
  "desk.no_reply",
  "desk.report",
  "desk.verdict",
  "desk.send",
  "desk.recall",
  "desk.note",
  "desk.tag",
  "buyer.block",
  "buyer.unblock",
  "faq.set",
  "faq.remove",
  "faq.card",
  "quick_reply.set",
  "quick_reply.remove",
  "shop.holiday",
  "desk.policy",
]);

/** Every push. */
export type Push =
  | ({ type: "room.state"; topic: string; seq: number } & RoomStatePush)
  | ({ type: "room.comment"; topic: string; seq: number } & RoomCommentPush)
  | ({ type: "room.own_comment"; topic: string } & RoomOwnComment)
  | ({ type: "room.comment_deleted"; topic: string; seq: number } & RoomCommentDeleted)
  | ({ type: "room.redacted"; topic: string; seq: number } & RoomRedacted)
  | ({ type: "room.likes"; topic: string } & RoomLikes)
  | ({ type: "room.viewers"; topic: string } & RoomViewers)
  | ({ type: "room.pinned"; topic: string; seq: number } & RoomPinned)
  | ({ type: "room.product"; topic: string; seq: number } & RoomProduct)
  | ({ type: "room.sale"; topic: string; seq: number } & RoomSale)
  | ({ type: "room.stock"; topic: string; seq: number } & RoomStock)
  | ({ type: "room.coupon"; topic: string; seq: number } & RoomCoupon)
  | ({ type: "room.draw"; topic: string; seq: number } & RoomDraw)
  | ({ type: "room.gap"; topic: string } & RoomGap)
  | ({ type: "room.banned" } & RoomBanned)
  | ({ type: "sale.offer" } & SaleOffer)
  | ({ type: "sale.reminder" } & SaleReminder)
  | ({ type: "sale.not_drawn" } & SaleNotDrawn)
  | ({ type: "reservation.changed" } & ReservationPush)
  | ({ type: "order.changed" } & OrderPush)
  | ({ type: "order.reminder" } & OrderReminder)
  | ({ type: "coupon.offered" } & CouponOffered)
  | ({ type: "coupon.granted" } & CouponGranted)
  | ({ type: "coupon.progress" } & CouponProgress)
  | ({ type: "coupon.changed" } & CouponChanged)
  | ({ type: "coupon.reminder" } & CouponReminder)
  | ({ type: "draw.entered" } & DrawEntered)
  | ({ type: "draw.won" } & DrawWon)
  | ({ type: "draw.forfeited" } & DrawForfeited)
  | ({ type: "chat.message"; topic: string; seq: number } & ChatMessage)
  | ({ type: "chat.recalled"; topic: string } & ChatRecalled)
  | ({ type: "chat.read"; topic: string } & ChatReadPush)
  | ({ type: "chat.typing"; topic: string } & ChatTypingPush)
  | ({ type: "chat.session"; topic: string } & ChatSessionPush)
  | ({ type: "chat.position"; topic: string } & ChatPosition)
  | ({ type: "desk.assigned" } & DeskAssigned)
  | ({ type: "desk.unassigned" } & DeskUnassigned)
  | ({ type: "desk.dismissed" } & DeskDismissed)
  | ({ type: "desk.session"; topic: string; seq: number } & DeskSession)
  | ({ type: "desk.agent"; topic: string; seq: number } & DeskAgent)
  | ({ type: "desk.alert"; topic: string; seq: number } & DeskAlert)
  | ({ type: "desk.report"; topic: string; seq: number } & DeskReportPush)
  | ({ type: "desk.settings"; topic: string; seq: number } & DeskSettings)
  | ({ type: "desk.gap"; topic: string } & DeskGap)
  | ({ type: "drain" } & Drain);
