//! Whoever looks the desk over when it rests: reads its lists, its rates and its transcripts over
//! sockets, and holds them against the feed. Owns no rule; those are the ledger's.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use hawker_protocol::number::{EpochMs, MessageLimit, PageLimit};
use hawker_protocol::object::{Content, Message, Role, Sender, SessionList};
use hawker_protocol::reply::{ResponseRate, Sessions, Team, Transcript};
use hawker_protocol::request::{
    DeskExport, DeskList, DeskResponseRate, DeskTeam, ExportOf, RateBy,
};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

use std::sync::Arc;

use super::ledger::{self, DeskLedger, Differences, Window};
use super::scene::Scene;
use crate::api::{Api, id, text};
use crate::audit::{Feed, Violations};
use crate::line;
use crate::socket::Socket;
use crate::token::Person;

/// How long lists and rates may take to agree with the feed: time goes on and windows close.
const AGREEMENT: Duration = Duration::from_secs(10);
/// Sockets that read transcripts side by side.
const READERS: usize = 4;
const MESSAGES_PAGE: u32 = 100;

pub(super) async fn connect(scene: &Scene, number: usize) -> Result<Socket> {
    let user = format!("auditor{number}");
    let (role, shop) = (Role::Supervisor, scene.shop.as_str());
    let person = Person { user: &user, name: None, role, shop };
    scene.target.connect(super::BUYERS_BEFORE_AGENTS + scene.agents + 1 + number, person).await
}

/// What the server says of the desk, against its events.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) rates: Differences,
    pub(super) misplaced: u64,
    pub(super) violations: Violations,
}

/// Reads on until the server's lists and rates are what the feed says, and says where they still
/// differ after a while.
pub(super) async fn agree(
    scene: &Scene,
    api: &Api,
    feed: &mut Feed<DeskLedger>,
) -> Result<Standing> {
    let mut socket = connect(scene, 0).await?;
    let deadline = Instant::now() + AGREEMENT;
    loop {
        feed.read(api).await?;
        let standing = standing(&mut socket, scene, &feed.ledger).await?;
        if standing.violations.count == 0 || Instant::now() > deadline {
            socket.close().await;
            return Ok(standing);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn standing(socket: &mut Socket, scene: &Scene, ledger: &DeskLedger) -> Result<Standing> {
    let mut standing = Standing::default();
    for (what, window) in windows(ledger) {
        let rates = ledger.rates(window);
        let shop = ask_shop(socket, scene, window).await?;
        standing.rates.add(what, rates.differences(&shop));
        let agents = ask_agents(socket, scene, window).await?;
        standing.rates.add(what, rates.agent_differences(&agents));
    }
    for said in &standing.rates.said {
        standing.violations.add(|| format!("response rate of {said}"));
    }
    compare_lists(socket, scene, ledger, &mut standing).await?;
    compare_alerts(socket, scene, ledger, &mut standing).await?;
    Ok(standing)
}

/// Everything, either half, whole minutes, and a ragged stretch in the middle.
fn windows(ledger: &DeskLedger) -> Vec<(&'static str, Window)> {
    const MINUTE: i64 = 60_000;
    let Some((first, last)) = ledger.span() else { return Vec::new() };
    let (until, middle) = (last + 1, first + (last - first) / 2);
    let quarter = (last - first) / 4;
    let minute = |at: i64| at.div_euclid(MINUTE) * MINUTE;
    let window = |from, until| Window { from, until };
    vec![
        ("all of it", window(first, until)),
        ("the day", window(minute(first) - 60 * MINUTE, minute(last) + 60 * MINUTE)),
        ("the first half", window(first, middle)),
        ("the second half", window(middle, until)),
        ("its minutes", window(minute(first), minute(last) + MINUTE)),
        ("its middle", window(first + quarter + 1, last - quarter)),
    ]
}

fn asked(scene: &Scene, window: Window, by: RateBy, cursor: Option<String>) -> DeskResponseRate {
    DeskResponseRate {
        shop: scene.shop.clone(),
        from: EpochMs(window.from),
        until: EpochMs(window.until.max(window.from)),
        by,
        agent: None,
        cursor: cursor.and_then(|cursor| text(&cursor).ok()),
        limit: None,
    }
}

async fn ask_shop(
    socket: &mut Socket,
    scene: &Scene,
    window: Window,
) -> Result<hawker_protocol::object::Rate> {
    let request = asked(scene, window, RateBy::Shop, None);
    let rate: ResponseRate = line::ok(&socket.ask(&request.into()).await?)?;
    rate.shop.context("a response rate without the shop's")
}

async fn ask_agents(
    socket: &mut Socket,
    scene: &Scene,
    window: Window,
) -> Result<Vec<hawker_protocol::object::AgentRate>> {
    let (mut agents, mut cursor) = (Vec::new(), None);
    loop {
        let request = asked(scene, window, RateBy::Agent, cursor);
        let rate: ResponseRate = line::ok(&socket.ask(&request.into()).await?)?;
        agents.extend(rate.agents);
        cursor = rate.next;
        if cursor.is_none() {
            return Ok(agents);
        }
    }
}

async fn read_list(
    socket: &mut Socket,
    scene: &Scene,
    list: SessionList,
    agent: Option<&str>,
) -> Result<Vec<u64>> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let request = DeskList {
            shop: scene.shop.clone(),
            list,
            agent: agent.map(id).transpose()?,
            cursor: cursor.and_then(|cursor: String| text(&cursor).ok()),
            limit: Some(PageLimit(200)),
        };
        let page: Sessions = line::ok(&socket.ask(&request.into()).await?)?;
        found.extend(page.sessions.iter().map(|session| session.session.0));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// Every session that was opened is in exactly one of the server's lists, and in the right one.
async fn compare_lists(
    socket: &mut Socket,
    scene: &Scene,
    ledger: &DeskLedger,
    standing: &mut Standing,
) -> Result<()> {
    let mut found: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let agents: Vec<_> = ledger.agents().map(str::to_owned).collect();
    let whole = [
        (SessionList::Unassigned, "waiting"),
        (SessionList::SelfServed, "self_served"),
        (SessionList::Closed, "closed"),
    ];
    for (list, place) in whole {
        for session in read_list(socket, scene, list, None).await? {
            found.entry(session).or_default().push(place.to_owned());
        }
    }
    for agent in agents {
        for session in read_list(socket, scene, SessionList::Mine, Some(&agent)).await? {
            found.entry(session).or_default().push(format!("agent:{agent}"));
        }
    }
    for (session, place) in ledger.places() {
        let lists = found.remove(&session).unwrap_or_default();
        if lists != [place.clone()] {
            standing.misplaced += 1;
            let say = || format!("session {session} is {place}, the server lists it as {lists:?}");
            standing.violations.add(say);
        }
    }
    for (session, lists) in found {
        standing.misplaced += 1;
        let say = || format!("the server lists session {session} as {lists:?}, the feed nowhere");
        standing.violations.add(say);
    }
    Ok(())
}

async fn compare_alerts(
    socket: &mut Socket,
    scene: &Scene,
    ledger: &DeskLedger,
    standing: &mut Standing,
) -> Result<()> {
    let team = DeskTeam { shop: scene.shop.clone(), cursor: None, limit: None };
    let Team { alerts, .. } = line::ok(&socket.ask(&team.into()).await?)?;
    let own = (ledger.waiting(), ledger.over_cap_now(), ledger.totals.forced);
    let told = (u64::from(alerts.unassigned), alerts.over_cap, alerts.forced);
    if own != told {
        let say = || format!("waiting, above caps, forced: the server says {told:?}, not {own:?}");
        standing.violations.add(say);
    }
    Ok(())
}

/// What the transcripts came to.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) messages: u64,
    pub(super) lost: u64,
    pub(super) violations: Violations,
}

/// Reads what every buyer and the shop ever said and compares it with the feed, message by message,
/// and with the words that the sockets sent.
pub(super) async fn read_transcripts(scene: &Arc<Scene>, ledger: &DeskLedger) -> Result<Read> {
    let mut buyers: Vec<_> = ledger.conversations.keys().cloned().collect();
    buyers.sort_unstable();
    let share = buyers.len().div_ceil(READERS).max(1);
    let mut reading = JoinSet::new();
    for (number, buyers) in buyers.chunks(share).enumerate() {
        let (scene, buyers) = (Arc::clone(scene), buyers.to_vec());
        reading.spawn(async move {
            let mut socket = connect(&scene, 1 + number).await?;
            let mut found = Vec::with_capacity(buyers.len());
            for buyer in buyers {
                let messages = export(&mut socket, &scene, &buyer).await?;
                found.push((buyer, messages));
            }
            socket.close().await;
            anyhow::Ok(found)
        });
    }
    let mut read = Read::default();
    while let Some(found) = reading.join_next().await {
        for (buyer, messages) in found?? {
            read.compare(scene, ledger, &buyer, &messages);
        }
    }
    Ok(read)
}

async fn export(socket: &mut Socket, scene: &Scene, buyer: &str) -> Result<Vec<Message>> {
    let (mut messages, mut cursor) = (Vec::new(), None);
    loop {
        let request = DeskExport {
            shop: scene.shop.clone(),
            of: ExportOf::Buyer(id(buyer)?),
            cursor: cursor.and_then(|cursor: String| text(&cursor).ok()),
            limit: Some(MessageLimit(MESSAGES_PAGE)),
        };
        let page: Transcript = line::ok(&socket.ask(&request.into()).await?)?;
        messages.extend(page.messages);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(messages);
        }
    }
}

impl Read {
    fn compare(&mut self, scene: &Scene, ledger: &DeskLedger, buyer: &str, found: &[Message]) {
        let Some(conversation) = ledger.conversations.get(buyer) else { return };
        let told = scene.told();
        let mut found = found.iter().peekable();
        for (seq, fed) in (1..).zip(&conversation.messages) {
            self.messages += 1;
            let shown = found.next_if(|message| message.seq == seq);
            let Some(shown) = shown else {
                self.lost += 1;
                self.violations.add(|| format!("{buyer}: message {seq} is in no transcript"));
                continue;
            };
            let words = told.words.get(&(buyer.to_owned(), seq));
            if let Some(wrong) = differs(shown, fed, words) {
                self.violations.add(|| format!("{buyer}: message {seq} {wrong}"));
            }
        }
        if let Some(more) = found.next() {
            let seq = more.seq;
            self.violations.add(|| format!("{buyer}: message {seq} is in the transcript alone"));
        }
    }
}

/// Why a message of the transcript is not the feed's, if it is not.
fn differs(shown: &Message, fed: &ledger::Message, words: Option<&String>) -> Option<String> {
    let from = match &shown.from {
        Sender::Buyer => "buyer".to_owned(),
        Sender::Agent { user } => format!("agent:{user}"),
        Sender::Faq { faq } => format!("faq:{faq}"),
        Sender::Bot { user } => format!("bot:{user}"),
    };
    let session = shown.session.map(|session| session.0);
    if (shown.at.0, session, &from) != (fed.at, fed.session, &fed.from) {
        return Some(format!("is {shown:?} and in the feed {fed:?}"));
    }
    let Some(content) = &shown.content else {
        return (!fed.is_recalled).then(|| "has no words and was not recalled".to_owned());
    };
    if fed.is_recalled {
        return Some("was recalled and still has its words".to_owned());
    }
    let (kind, said) = match content {
        Content::Text { text } => ("text", Some(text)),
        Content::Emoji { emoji } => ("emoji", Some(emoji)),
        Content::Image { .. } => ("image", None),
        Content::Video { .. } => ("video", None),
        Content::Product { .. } => ("product", None),
        Content::Order { .. } => ("order", None),
        Content::Coupon { .. } => ("coupon", None),
        Content::Question { text, .. } => ("question", Some(text)),
    };
    let chars = said.map(|said| said.chars().count() as u64);
    if kind != fed.kind || chars.is_some_and(|chars| chars != fed.chars) {
        return Some(format!("is a {kind} of {chars:?} characters, in the feed {fed:?}"));
    }
    let changed = words.zip(said).filter(|(words, said)| words != said);
    changed.map(|(words, said)| format!("says {said:?}, and {words:?} was accepted"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hawker_protocol::number::SessionId;

    fn shown(text: &str) -> Message {
        Message {
            seq: 1,
            at: EpochMs(5),
            session: Some(SessionId(1)),
            from: Sender::Buyer,
            content: Some(Content::Text { text: text.to_owned() }),
        }
    }

    fn fed(chars: u64) -> ledger::Message {
        ledger::Message {
            at: 5,
            session: Some(1),
            from: "buyer".to_owned(),
            kind: "text".to_owned(),
            chars,
            is_recalled: false,
        }
    }

    #[test]
    fn a_transcript_with_other_words_senders_or_times_is_found() {
        let said = "hello".to_owned();
        assert_eq!(differs(&shown("hello"), &fed(5), Some(&said)), None);
        assert!(differs(&shown("hallo"), &fed(5), Some(&said)).is_some(), "other words");
        assert!(differs(&shown("hell"), &fed(5), None).is_some(), "fewer of them");
        assert!(differs(&Message { at: EpochMs(6), ..shown("hello") }, &fed(5), None).is_some());
        assert!(differs(&Message { session: None, ..shown("hello") }, &fed(5), None).is_some());
        let bare = Message { content: None, ..shown("") };
        assert!(differs(&bare, &fed(5), None).is_some(), "nobody recalled it");
        let recalled = ledger::Message { is_recalled: true, ..fed(5) };
        assert_eq!(differs(&bare, &recalled, Some(&said)), None);
        assert!(differs(&shown("hello"), &recalled, None).is_some(), "words are still there");
    }
}
