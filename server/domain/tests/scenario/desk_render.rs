//! How the views of the desk read in an outcome file: one line each. Owns no expectation.

use hawker_domain::Shop;
use hawker_domain::id::UserId;
use hawker_domain::time::Millis;
use hawker_domain::view::desk::{
    AgentRateView, AgentView, AlertsView, ConversationView, DeskChange, DeskList, RateView,
    SessionView,
};

use crate::render::debug;
use crate::words::Words;

const PAGE: usize = 10;

/// What `show` puts into the outcome: one line a thing.
pub(crate) fn show(shop: &Shop, what: &str, words: &mut Words) -> Vec<String> {
    match what {
        "session" => {
            let id = words.id("session");
            vec![shop.session_view(id).map_or("gone".to_owned(), |view| session(&view))]
        }
        "why" => vec![debug(&shop.why_this_agent(words.id("session")))],
        "position" => vec![debug(&shop.true_position(words.id("session")))],
        "list" => list(shop, words),
        "agent" => {
            let view = shop.agent_view(&words.id("agent"));
            vec![view.map_or("nobody".to_owned(), |view| agent(&view))]
        }
        "team" => shop.team_view().iter().map(agent).collect(),
        "alerts" => vec![alerts(&shop.alerts_view())],
        "rate" => rates(shop, words),
        "chat" => chat(shop, words),
        "texts" => vec![debug(&shop.desk_texts())],
        "report" => vec![debug(&shop.report_view(&words.id("report")))],
        "policy" => vec![debug(shop.desk_policy())],
        "idle" => vec![format!("agents linked: {}", shop.has_agents_linked())],
        other => panic!("nobody can show {other}"),
    }
}

/// `show list mine|unassigned|self_served|expiring|needs_reply|closed [AGENT] [page=10] [pages=1]`
fn list(shop: &Shop, words: &mut Words) -> Vec<String> {
    let name = words.word("a list");
    let pages: usize = words.value("pages").unwrap_or(1);
    let size = words.value("page").unwrap_or(PAGE);
    let agent = words.next().map(|agent| words.parse(&agent, "agent"));
    let list = match name.as_str() {
        "mine" => DeskList::Mine(agent.expect("an agent")),
        "unassigned" => DeskList::Unassigned,
        "self_served" => DeskList::SelfServed,
        "expiring" => DeskList::Expiring(agent),
        "needs_reply" => DeskList::NeedsReply(agent),
        "closed" => DeskList::Closed(agent),
        other => panic!("there is no list {other}"),
    };
    let (mut lines, mut after) = (Vec::new(), None);
    for number in 1..=pages {
        let page = shop.desk_list(&list, after, size);
        lines.extend(page.sessions.iter().map(session));
        after = page.next;
        if after.is_none() {
            break;
        }
        lines.push(format!("more after page {number}"));
    }
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines
}

fn session(view: &SessionView) -> String {
    let mut line = format!(
        "session {} of {}: {}, epoch {}, {}",
        view.session,
        view.buyer,
        debug(&view.state),
        view.epoch,
        debug(&view.answer)
    );
    if !view.excluded.is_empty() {
        line += &format!(", excluded by {:?}", view.excluded);
    }
    if let Some(since) = view.unanswered_since {
        line += &format!(", unanswered since {}", debug(&since));
    }
    if view.expiring {
        line += ", expiring";
    }
    if let Some(position) = view.position {
        line += &format!(", position {position:?}");
    }
    if let Some(stars) = view.stars {
        line += &format!(", {stars} stars");
    }
    line
}

fn agent(view: &AgentView) -> String {
    let grace = view.grace_until.map_or(String::new(), |until| format!(" until {}", debug(&until)));
    format!(
        "{} is {:?}{grace}, means {:?}, {} connections, {}/{}{}",
        view.agent,
        view.status,
        view.intent,
        view.connections,
        view.load,
        view.cap,
        if view.cap_is_low { ", a low cap" } else { "" }
    )
}

fn alerts(view: &AlertsView) -> String {
    let mut line = format!(
        "unassigned {}, expiring {}, over cap {}, forced {}",
        view.unassigned, view.expiring, view.over_cap, view.forced
    );
    for (is_on, name) in [
        (view.too_many_unassigned, "too many unassigned"),
        (view.no_agent_routable, "no agent routable"),
        (view.all_saturated, "all saturated"),
    ] {
        if is_on {
            line += &format!(", {name}");
        }
    }
    line
}

/// `show rate [from=TIME] [until=TIME] [agent=NAME]`
fn rates(shop: &Shop, words: &mut Words) -> Vec<String> {
    let from = words.time("from").unwrap_or(Millis(0));
    let until = words.time("until").unwrap_or(Millis(i64::MAX / 2));
    if let Some(name) = words.value("agent") {
        let view = shop.agent_rate(&name, from, until);
        return vec![view.map_or("nobody".to_owned(), |view| share(&view))];
    }
    let mut lines = vec![rate(&shop.response_rate(from, until))];
    let mut after = None;
    loop {
        let page = shop.agent_rates((from, until), after.as_ref(), PAGE);
        let has_share = |it: &&AgentRateView| it.hits + it.missed + it.no_reply > 0;
        lines.extend(page.agents.iter().filter(has_share).map(share));
        after = page.next;
        if after.is_none() {
            return lines;
        }
    }
}

fn percent(part: Option<f64>) -> String {
    part.map_or("-".to_owned(), |part| format!("{:.1}%", part * 100.0))
}

fn rate(view: &RateView) -> String {
    let mut line = format!(
        "rate {} (settled {}): faq {}, human {}, missed {} ({} unassigned), pending {}, \
         excluded {}",
        percent(view.rate()),
        percent(view.settled()),
        view.faq_hits,
        view.human_hits,
        view.missed,
        view.missed_unassigned,
        view.pending,
        view.excluded
    );
    for (count, name) in [
        (view.holiday, "holiday"),
        (view.no_reply, "no reply"),
        (view.reported, "reported"),
        (view.rated, "rated"),
        (view.satisfied, "satisfied"),
    ] {
        if count > 0 {
            line += &format!(", {name} {count}");
        }
    }
    if view.human_hits > 0 {
        line += &format!(", first replies {:?}", view.first_replies);
    }
    line
}

fn share(view: &AgentRateView) -> String {
    let AgentRateView { agent, hits, missed, no_reply } = view;
    let rate = percent(view.rate());
    format!("{agent} {rate}: hits {hits}, missed {missed}, no reply {no_reply}")
}

fn conversation(view: &ConversationView) -> String {
    let owner = with(view.owner.as_ref());
    format!(
        "conversation of {}: seq {}, buyer {:?}, staff {:?}, blocked {}, open {:?}{owner}, \
         last {:?}",
        view.buyer,
        view.seq,
        view.buyer_marks,
        view.staff_marks,
        view.blocked,
        view.open_session,
        view.last_session
    )
}

/// `show chat BUYER [at=TIME]`
fn chat(shop: &Shop, words: &mut Words) -> Vec<String> {
    let now = words.time("at").unwrap_or(Millis(0));
    let view = shop.chat_view(&words.id("buyer"), now);
    let card: Vec<_> = view.card.iter().map(|(id, question)| format!("{id} {question}")).collect();
    let mut lines = vec![format!("card {card:?}, holiday {}", view.holiday)];
    lines.extend(view.conversation.iter().map(conversation));
    lines.extend(view.session.iter().map(session));
    lines
}

fn with(owner: Option<&UserId>) -> String {
    owner.map_or(String::new(), |owner| format!(" with {owner}"))
}

pub(crate) fn change(change: &DeskChange) -> String {
    match change {
        DeskChange::Session { session: view, owner_before } => {
            let before = owner_before.as_ref().map(|owner| format!(", {owner} had it"));
            session(view) + &before.unwrap_or_default()
        }
        DeskChange::Message(view) => {
            let message = debug(&view.message);
            format!("message of {}{}: {message}", view.buyer, with(view.owner.as_ref()))
        }
        DeskChange::Recalled { buyer, seq, owner } => {
            format!("recalled {seq} of {buyer}{}", with(owner.as_ref()))
        }
        DeskChange::Clicked(view) => {
            let messages: Vec<_> = view.messages.iter().map(debug).collect();
            format!("clicked in {}: {}", session(&view.session), messages.join(", "))
        }
        DeskChange::Marks(view) => conversation(view),
        DeskChange::Agent(view) => agent(view),
        DeskChange::Alerts(view) => format!("alerts {}", alerts(view)),
        DeskChange::Report(_)
        | DeskChange::Policy(_)
        | DeskChange::Holiday(_)
        | DeskChange::Texts => debug(change),
    }
}
