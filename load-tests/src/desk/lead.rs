//! The manager of the desk: writes its policy and texts before the run, and in it assigns by hand,
//! forces a cap now and then, decides reports and closes the shop for a while. Owns his routine.

use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::Request;
use hawker_protocol::number::{Cap, EpochMs, PageLimit, SpanMs};
use hawker_protocol::object::{
    Holiday, PolicyChange, Report, ReportState, Role, SessionList, Verdict, VerdictBy,
};
use hawker_protocol::push::DeskReportPush;
use hawker_protocol::reply::Sessions;
use hawker_protocol::request::{
    DeskAssign, DeskJoin, DeskList, DeskPolicy, DeskVerdict, FaqCard, FaqSet, QuickReplySet,
    ShopHoliday,
};
use tokio::time::{Duration, Instant};

use super::contact::Contact;
use super::part::Part;
use super::scene::Scene;
use super::schedule::{DAY, Drop, GRACE};
use super::{BUYERS_BEFORE_AGENTS, FAQ_ENTRIES, QUICK_REPLY};
use crate::agenda::Agenda;
use crate::api::{id, list, text};
use crate::line;
use crate::socket::Socket;
use crate::talk::{Asked, Heard};

const LOOKS: u32 = 40;
/// The share of the run in which the shop is closed.
const HOLIDAY: f64 = 0.05;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Look,
    Holiday,
}

#[derive(Debug)]
pub(super) enum About {
    Queue,
    Talk,
}

#[derive(Debug)]
pub(super) struct Lead {
    contact: Contact<About>,
    agenda: Agenda<Deed>,
}

fn millis(span: Duration) -> SpanMs {
    SpanMs(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// What a shop writes before anybody comes: the shortest window of an answer that there is, and
/// five questions on the card.
pub(super) async fn prepare(socket: &mut Socket, scene: &Scene) -> Result<()> {
    let mut number = 0;
    let mut command = || {
        number += 1;
        id(&format!("{}-setup-{number}", scene.target.name))
    };
    let policy = PolicyChange {
        answer_within_ms: Some(millis(DAY)),
        grace_ms: Some(millis(GRACE)),
        charge_after_ms: Some(millis(DAY / 48)),
        verdict_by: Some(VerdictBy::Manager),
        cap: Some(Cap(scene.cap)),
        ..PolicyChange::default()
    };
    let shop = || scene.shop.clone();
    let policy = DeskPolicy { shop: shop(), command_id: command()?, policy };
    let mut requests: Vec<Request> = vec![policy.into()];
    let mut questions = Vec::new();
    for entry in 0..FAQ_ENTRIES {
        let faq = id(&format!("q{entry}"))?;
        questions.push(faq.clone());
        let (question, answer) = (text(&format!("Question {entry}?"))?, text("It is so.")?);
        let (command_id, faq) = (command()?, Some(faq));
        requests.push(FaqSet { shop: shop(), command_id, faq, question, answer }.into());
    }
    questions.truncate(hawker_protocol::limits::CARD_QUESTIONS_MAX);
    let questions = list(questions)?;
    requests.push(FaqCard { shop: shop(), command_id: command()?, questions }.into());
    let (command_id, quick_reply) = (command()?, Some(id(QUICK_REPLY)?));
    let hello = text("Thank you, {name}!")?;
    requests.push(QuickReplySet { shop: shop(), command_id, quick_reply, text: hello }.into());
    for request in requests {
        socket.ask(&request).await?;
    }
    Ok(())
}

impl Lead {
    pub(super) fn new(scene: Arc<Scene>) -> Self {
        let number = BUYERS_BEFORE_AGENTS + scene.agents;
        Self {
            contact: Contact::new(scene, Role::Manager, "lead".to_owned(), number),
            agenda: Agenda::new(),
        }
    }
}

impl Part for Lead {
    type About = About;
    type Deed = Deed;

    fn contact(&mut self) -> &mut Contact<About> {
        &mut self.contact
    }

    fn agenda(&mut self) -> &mut Agenda<Deed> {
        &mut self.agenda
    }

    fn plan(&mut self, began: Instant) {
        let run = self.contact.scene.run;
        for look in 1..LOOKS {
            self.agenda.plan(began + run * look / LOOKS, Deed::Look);
        }
        self.agenda.plan(began + run.mul_f64(0.55), Deed::Holiday);
    }

    fn greet(&mut self) {
        let join = DeskJoin { shop: self.contact.shop() };
        self.contact.ask(join, Instant::now(), About::Talk);
    }

    fn act(&mut self, deed: Deed, at: Instant) -> Result<Option<Drop>> {
        let shop = self.contact.shop();
        match deed {
            Deed::Look => {
                let (list, limit) = (SessionList::Unassigned, Some(PageLimit(5)));
                let look = DeskList { shop, list, agent: None, cursor: None, limit };
                self.contact.ask(look, at, About::Queue);
            }
            Deed::Holiday => {
                let scene = &self.contact.scene;
                let now = scene.clock.millis(Instant::now());
                let until = now + scene.run.as_secs_f64() * 1_000.0 * HOLIDAY;
                let (from, until) = (EpochMs(now as i64), Some(EpochMs(until as i64)));
                let holiday = Some(Holiday { from, until });
                let command_id = self.contact.command()?;
                let holiday = ShopHoliday { shop, command_id, holiday };
                self.contact.ask(holiday, at, About::Talk);
            }
        }
        Ok(None)
    }

    fn on_line(&mut self, line: &str) -> Result<()> {
        match self.contact.hear(line)? {
            Some(Heard::Push { kind, line }) if kind == "desk.report" => {
                let DeskReportPush { report } = line::push(line)?;
                self.decide(report)?;
            }
            Some(Heard::Yes { asked, line }) => self.on_yes(&asked, line)?,
            Some(Heard::No { asked, code, .. }) => {
                let scene = &self.contact.scene;
                scene.told().on_refused(&self.contact.user, &asked.request, code);
                scene.others.lock().answered(code, asked.intended);
            }
            Some(Heard::Push { .. } | Heard::NotYet { .. }) | None => {}
        }
        Ok(())
    }
}

impl Lead {
    /// Two thirds of the reports are upheld, and some of those are taken back.
    fn decide(&mut self, report: Report) -> Result<()> {
        let chance = &mut self.contact.chance;
        let verdict = match report.state {
            ReportState::Filed if chance.happens(0.67) => Verdict::Upheld,
            ReportState::Filed => Verdict::Rejected,
            ReportState::Upheld if chance.happens(0.3) => Verdict::Overturned,
            ReportState::Upheld | ReportState::Rejected | ReportState::Overturned => return Ok(()),
        };
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let (session, report) = (report.session, report.report);
        let decided = DeskVerdict { shop, command_id, session, report, verdict };
        self.contact.ask(decided, Instant::now(), About::Talk);
        Ok(())
    }

    fn on_yes(&mut self, asked: &Asked<About>, line: &str) -> Result<()> {
        let scene = Arc::clone(&self.contact.scene);
        scene.others.lock().answered(asked.request.type_name(), asked.intended);
        match asked.about {
            About::Queue => self.assign(&line::ok(line)?),
            About::Talk => {
                scene.told().on_accepted(&self.contact.user, &asked.request);
                Ok(())
            }
        }
    }

    /// Gives somebody who waits to anybody, above his cap one time in three.
    fn assign(&mut self, queue: &Sessions) -> Result<()> {
        let Some(last) = queue.sessions.last() else { return Ok(()) };
        let agent = self.contact.chance.below(self.contact.scene.agents);
        let agent = id(&self.contact.scene.agent(agent))?;
        let force = self.contact.chance.happens(0.34);
        let (shop, command_id) = (self.contact.shop(), self.contact.command()?);
        let epoch = hawker_protocol::number::OwnerEpoch(last.epoch);
        let session = last.session;
        let assign = DeskAssign { shop, command_id, session, epoch, agent, force };
        self.contact.ask(assign, Instant::now(), About::Talk);
        Ok(())
    }
}
