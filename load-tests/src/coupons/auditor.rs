//! Whoever looks the campaigns over when the room rests: holds the server's own figures, over HTTP
//! and on the dashboard, and what every viewer was told and has against the feed. Owns no rule;
//! those are the ledger's.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hawker_protocol::number::Minor;
use hawker_protocol::object::{Campaign, CampaignCounts, CampaignMoney, CouponState};
use hawker_protocol::reply::{Campaigns, Dashboard, DashboardPromo};
use hawker_protocol::request::{CouponCampaigns, RoomDashboard};
use tokio::time::{Duration, Instant, sleep};

use super::host::Host;
use super::ledger::{Counts, CouponLedger, Funder, Money};
use super::plan::{CAMPAIGNS, NEEDED_MS, TIERS, WATCH};
use super::scene::Scene;
use super::story::Story;
use super::waves::{Wave, watched_through};
use crate::api::Api;
use crate::audit::{Feed, Violations};
use crate::line;

/// How long figures may take to agree with the feed: viewers go on watching.
const AGREEMENT: Duration = Duration::from_secs(15);

/// What the server says of its campaigns, against its events.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Campaigns that owe more than their budget by the server's own figures.
    pub(super) over_budget: u64,
    pub(super) figures: u64,
    pub(super) spent_seller_minor: u64,
    pub(super) spent_platform_minor: u64,
    pub(super) violations: Violations,
}

/// What viewers were told and have, against the events.
#[derive(Debug, Default)]
pub(super) struct Stories {
    pub(super) progress_resets: u64,
    pub(super) progress_ahead: u64,
    pub(super) pushes_expected: u64,
    pub(super) lost_pushes: u64,
    pub(super) doubled_pushes: u64,
    /// Progress on its way that an answer had overtaken.
    pub(super) overtaken: u64,
    /// Worst cases of what viewers hold beyond what the budgets have for them.
    pub(super) over_budget: u64,
    pub(super) unfinished: u64,
    pub(super) figures_shown: u64,
    pub(super) coupons_in_hand: u64,
    pub(super) violations: Violations,
}

/// Reads on until the server's figures are what the feed says, and says where they still differ
/// after a while.
pub(super) async fn agree(
    host: &mut Host,
    (scene, api): (&Scene, &Api),
    feed: &mut Feed<CouponLedger>,
) -> Result<Standing> {
    let deadline = Instant::now() + AGREEMENT;
    loop {
        feed.read(api).await?;
        let said = Said {
            http: api.campaigns().await?,
            socket: campaigns_of(host, scene).await?,
            dashboard: dashboard_of(host, scene).await?,
        };
        let standing = standing(&feed.ledger, &said);
        if standing.violations.count == 0 || Instant::now() > deadline {
            return Ok(standing);
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// What the server says of its campaigns, in its three ways.
struct Said {
    http: Vec<Campaign>,
    socket: Vec<Campaign>,
    dashboard: DashboardPromo,
}

async fn dashboard_of(host: &mut Host, scene: &Scene) -> Result<DashboardPromo> {
    let (shop, room) = (scene.shop.clone(), scene.room.clone());
    let said = host.ask(RoomDashboard { shop, room }).await?;
    let said = said.map_err(|code| anyhow::anyhow!("the dashboard was refused: {code}"))?;
    let dashboard: Dashboard = line::ok(&said)?;
    dashboard.promo.context("a dashboard without its campaigns")
}

async fn campaigns_of(host: &mut Host, scene: &Scene) -> Result<Vec<Campaign>> {
    let shop = scene.shop.clone();
    let list = CouponCampaigns { shop, state: None, room: None, cursor: None, limit: None };
    let said = host.ask(list).await?;
    let said = said.map_err(|code| anyhow::anyhow!("the campaigns were refused: {code}"))?;
    Ok(line::ok::<Campaigns>(&said)?.campaigns)
}

fn standing(ledger: &CouponLedger, said: &Said) -> Standing {
    let mut standing = Standing::default();
    let promo = &said.dashboard;
    let (mut seller, mut platform) = (0, 0);
    for (id, funder, counts, money) in ledger.campaigns() {
        match funder {
            Funder::Seller => seller += money.spent_minor,
            Funder::Platform => platform += money.spent_minor,
        }
        for (way, campaigns) in [("over HTTP", &said.http), ("on a socket", &said.socket)] {
            let listed = campaigns.iter().find(|it| it.campaign.as_str() == id);
            let figures = listed.map(|it| (it.counts, it.money));
            standing.compare((id, way), (counts, money), figures);
            let budget = listed.map_or(i64::MAX, |it| signed(it.budget_minor));
            let taken = listed.map_or(0, |it| money_of(&it.money).taken());
            standing.over_budget += u64::from(taken > budget);
        }
        let shown = promo.campaigns.iter().find(|it| it.campaign.as_str() == id);
        let shown_figures = shown.map(|it| (it.counts, it.money));
        standing.compare((id, "on the dashboard"), (counts, money), shown_figures);
        if let Some((watch, funnel)) = shown.and_then(|it| it.watch).zip(ledger.funnel(id)) {
            standing.same((id, "watching"), funnel, (watch.started, watch.watched_ms.0));
        }
    }
    let borne = (promo.seller_minor.0, promo.platform_minor.0);
    (standing.spent_seller_minor, standing.spent_platform_minor) = borne;
    let counted = (u64::try_from(seller).ok(), u64::try_from(platform).ok());
    standing.same(("the shop", "cost by funder"), counted, (Some(borne.0), Some(borne.1)));
    standing
}

fn counts_of(counts: &CampaignCounts) -> Counts {
    Counts {
        completed: counts.completed,
        claimed: counts.claimed,
        used: counts.used,
        expired: counts.expired,
        revoked: counts.revoked,
        pushes: counts.pushes,
    }
}

fn signed(minor: Minor) -> i64 {
    i64::try_from(minor.0).unwrap_or(i64::MAX)
}

fn money_of(money: &CampaignMoney) -> Money {
    Money {
        spent_minor: signed(money.spent_minor),
        locked_minor: signed(money.locked_minor),
        claimed_minor: signed(money.claimed_minor),
    }
}

impl Standing {
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: (&str, &str), feed: T, said: T) {
        self.figures += 1;
        if feed != said {
            self.violations.add(|| format!("{} {}: {said:?}, the feed {feed:?}", what.0, what.1));
        }
    }

    fn compare(
        &mut self,
        what: (&str, &str),
        (counts, money): (Counts, Money),
        said: Option<(CampaignCounts, CampaignMoney)>,
    ) {
        match said {
            Some((said_counts, said_money)) => {
                self.same(what, counts, counts_of(&said_counts));
                self.same(what, money, money_of(&said_money));
            }
            None => self.violations.add(|| format!("{} is not there {}", what.0, what.1)),
        }
    }
}

/// How many coupons of a campaign one buyer may have.
pub(super) fn per_buyer(campaign: &str) -> u32 {
    if campaign == CAMPAIGNS[TIERS] { 2 } else { 1 }
}

/// When everybody who watched must have been through with the task, if that is within the run.
#[derive(Debug, Clone, Copy)]
pub(super) struct TaskTime {
    pub(super) from: Instant,
    pub(super) to: Instant,
}

impl TaskTime {
    /// The room pauses for a fiftieth of the run; a kill may lose ten seconds, so nothing is
    /// asked of runs with one.
    pub(super) fn of(opened: Instant, run: Duration, was_killed: bool) -> Option<Self> {
        let slack = run.mul_f64(0.03) + Duration::from_millis(500);
        let needed = Duration::from_millis(NEEDED_MS) + slack;
        let task = Self { from: opened, to: opened + needed };
        (!was_killed && needed < run).then_some(task)
    }
}

/// Holds every viewer's story against the feed.
pub(super) fn judge(
    stories: &[Story],
    (waves, on_its_way): (&[Wave], Duration),
    ledger: &CouponLedger,
    task: Option<TaskTime>,
) -> Stories {
    let mut judged = Stories::default();
    for story in stories {
        judged.pushes_of(story, waves, on_its_way);
        judged.figures_of(story, ledger);
        judged.offers_of(story, ledger);
        let through = task.is_some_and(|task| watched_through(&story.vouched, task.from, task.to));
        if through && !ledger.is_completed(CAMPAIGNS[WATCH], &story.user) {
            judged.unfinished += 1;
            judged.violations.add(|| format!("{} watched enough and is not through", story.user));
        }
    }
    judged.hands_of(stories, ledger);
    judged
}

impl Stories {
    fn pushes_of(&mut self, story: &Story, waves: &[Wave], on_its_way: Duration) {
        let (user, watches) = (&story.user, (story.follows_since, &*story.vouched));
        for (number, wave) in waves.iter().enumerate() {
            let shown = story.waves.get(&number).copied().unwrap_or(0);
            let expected = wave.reaches(&story.stays, watches, on_its_way);
            self.pushes_expected += u64::from(expected);
            if expected && shown == 0 {
                self.lost_pushes += 1;
                self.violations.add(|| format!("{user} was never shown push {number}"));
            }
            if shown > 1 {
                self.doubled_pushes += 1;
                self.violations.add(|| format!("{user} was shown push {number} {shown} times"));
            }
        }
    }

    fn figures_of(&mut self, story: &Story, ledger: &CouponLedger) {
        let user = &story.user;
        self.overtaken += story.shown.overtaken;
        for reset in &story.shown.resets {
            self.progress_resets += 1;
            self.violations.add(|| format!("{user}: {reset}"));
        }
        for (campaign, watched_ms) in story.shown.figures() {
            self.figures_shown += 1;
            if !ledger.was_shown_right(campaign, user, watched_ms) {
                self.progress_ahead += 1;
                let say = || format!("{user} was shown {watched_ms} ms of {campaign}, not written");
                self.violations.add(say);
            }
        }
    }

    fn offers_of(&mut self, story: &Story, ledger: &CouponLedger) {
        for (campaign, (_, left)) in &story.left {
            let booked = ledger.left(campaign);
            if booked != Some(*left) {
                let user = &story.user;
                let say = || format!("{user} saw {left} left of {campaign}, the feed {booked:?}");
                self.violations.add(say);
            }
        }
    }

    /// All that viewers have is what the feed gave them, and the budgets have it set aside.
    fn hands_of(&mut self, stories: &[Story], ledger: &CouponLedger) {
        let mut booked = ledger.in_hand();
        let mut held: BTreeMap<&str, [i64; 2]> = BTreeMap::new();
        for story in stories {
            let Some(coupons) = &story.in_hand else {
                booked.retain(|(buyer, _), _| *buyer != story.user);
                continue;
            };
            for coupon in coupons {
                self.coupons_in_hand += 1;
                let worst = signed(coupon.worst_minor);
                let (kind, place) = match coupon.state {
                    CouponState::Claimed => ("claimed", 0),
                    CouponState::Locked { .. } => ("locked", 1),
                    CouponState::Used { .. } => ("used", 0),
                    CouponState::Expired => ("expired", 0),
                    CouponState::Revoked => ("revoked", 0),
                };
                held.entry(coupon.campaign.as_str()).or_default()[place] += worst;
                let known = booked.remove(&(story.user.as_str(), coupon.coupon.as_str()));
                if known != Some((kind, worst)) {
                    let (user, id) = (&story.user, &coupon.coupon);
                    let say = || format!("{user} has {id} {kind} of {worst}, the feed {known:?}");
                    self.violations.add(say);
                }
            }
        }
        for ((buyer, coupon), state) in booked {
            self.violations.add(|| format!("{buyer} does not have {coupon}, the feed {state:?}"));
        }
        for (id, _, _, money) in ledger.campaigns() {
            let [claimed, locked] = held.get(id).copied().unwrap_or_default();
            if claimed > money.claimed_minor || locked > money.locked_minor {
                self.over_budget += 1;
                let say =
                    || format!("viewers hold {claimed} + {locked} of {id}, set aside {money:?}");
                self.violations.add(say);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Feed;
    use crate::coupons::waves::Stay;
    use hawker_protocol::object::Coupon;
    use serde_json::{Value, json};

    /// A feed in which `plain` gave `v1` a coupon of 500.
    fn feed() -> Feed<CouponLedger> {
        let spec = json!({
            "title": "Off", "funder": "seller", "kind": "amount",
            "tiers": [{"min_spend_minor": 0, "value": 500}], "max_discount_minor": null,
            "rooms": {"rooms": ["room"]}, "task": "none", "claims_total": 3, "per_buyer": 1,
            "budget_minor": 1_500,
        });
        let events = [
            ("campaign_created", json!({"campaign": "plain", "spec": spec})),
            ("campaign_opened", json!({"campaign": "plain", "due_at": 1})),
            (
                "coupon_claimed",
                json!({"coupon": "k1", "campaign": "plain", "buyer": "v1", "worst_minor": 500,
                       "expires_at": 99}),
            ),
        ];
        let event = |(index, (name, data)): (usize, (&str, Value))| {
            json!({
                "version": 1, "index": index, "at": 1, "type": "promo", "data": {name: data},
            })
        };
        let events: Vec<_> = events.into_iter().enumerate().map(event).collect();
        let page = json!({"events": events, "next": 1, "end": true});
        let mut feed = Feed::new();
        assert!(feed.on_page(page.to_string().as_bytes()).unwrap());
        feed
    }

    fn coupon(id: &str, worst_minor: u64, kind: &str) -> Coupon {
        serde_json::from_value(json!({
            "coupon": id, "campaign": "plain", "buyer": "v1", "state": {"kind": kind},
            "worst_minor": worst_minor, "currency": "USD", "expires_at": 99, "version": 1,
        }))
        .unwrap()
    }

    fn story(in_hand: Vec<Coupon>) -> Story {
        let (from, epoch) = (Instant::now(), "7".into());
        let (first_seq, last_seq, until) = (0, 9, None);
        let stay = Stay { from, until, epoch, first_seq, last_seq, is_continued: false };
        Story {
            user: "v1".into(),
            stays: vec![stay],
            in_hand: Some(in_hand),
            left: [("plain".to_owned(), (3, 2))].into(),
            ..Story::default()
        }
    }

    fn found(stories: &[Story], waves: &[Wave]) -> Stories {
        judge(stories, (waves, Duration::from_secs(3)), &feed().ledger, None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_story_has_no_fault_and_each_wrong_one_has_its_own() {
        let right = || story(vec![coupon("k1", 500, "claimed")]);
        let judged = found(&[right()], &[]);
        assert_eq!((judged.violations.kept, judged.coupons_in_hand), (Vec::<String>::new(), 1));
        let more = story(vec![coupon("k1", 500, "claimed"), coupon("k2", 500, "claimed")]);
        assert_eq!(found(&[more], &[]).over_budget, 1);
        for (hand, part) in [
            (vec![], "v1 does not have k1"),
            (vec![coupon("k1", 500, "expired")], "v1 has k1 expired of 500"),
            (vec![coupon("k1", 499, "claimed")], "v1 has k1 claimed of 499"),
        ] {
            let said = found(&[story(hand)], &[]).violations.kept;
            assert!(said.iter().any(|it| it.contains(part)), "{part}: {said:?}");
        }
        let stale = Story { left: [("plain".to_owned(), (2, 3))].into(), ..right() };
        let said = found(&[stale], &[]).violations.kept;
        assert_eq!(said, ["v1 saw 3 left of plain, the feed Some(2)"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_that_was_lost_or_came_twice_is_counted() {
        let right = || story(vec![coupon("k1", 500, "claimed")]);
        tokio::time::advance(Duration::from_secs(5)).await;
        let mut here = right();
        here.stays[0].from -= Duration::from_secs(1);
        let sent = Instant::now();
        let (answered, place) = (Some(sent), Some(("7".into(), 5)));
        let wave = Wave { campaign: 0, followers: false, sent, answered, place };
        let judged = found(&[here], std::slice::from_ref(&wave));
        assert_eq!((judged.pushes_expected, judged.lost_pushes), (1, 1));
        let twice = Story { waves: [(0, 2)].into(), ..right() };
        let judged = found(&[twice], &[wave]);
        assert_eq!((judged.lost_pushes, judged.doubled_pushes), (0, 1));
    }

    #[test]
    fn the_server_s_figures_are_held_against_the_feed() {
        let promo = |claimed: u32, seller: u64| -> DashboardPromo {
            let counts = json!({"granted": 0, "completed": 0, "claimed": claimed, "used": 0,
                                "returned": 0, "expired": 0, "revoked": 0, "pushes": 0});
            let money = json!({"spent_minor": 0, "locked_minor": 0, "claimed_minor": 500});
            serde_json::from_value(json!({
                "campaigns": [{"campaign": "plain", "title": "Off", "state": "open",
                               "funder": "seller", "counts": counts, "money": money}],
                "seller_minor": seller, "platform_minor": 0, "watched_ms": 0,
            }))
            .unwrap()
        };
        let said = |dashboard: DashboardPromo| {
            let said = Said { http: Vec::new(), socket: Vec::new(), dashboard };
            standing(&feed().ledger, &said).violations.kept
        };
        let missing = ["plain is not there over HTTP", "plain is not there on a socket"];
        assert_eq!(said(promo(1, 0)), missing);
        assert!(said(promo(2, 0))[2].contains("on the dashboard"), "{:?}", said(promo(2, 0)));
        assert!(said(promo(1, 7))[2].contains("cost by funder"), "{:?}", said(promo(1, 7)));
    }
}
