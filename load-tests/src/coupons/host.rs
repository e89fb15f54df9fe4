//! The host of the room: opens the campaigns, shows them, pauses, ends and revokes, each at its
//! time. Owns the routine; asks again under the same command id when the server was gone.

use std::sync::Arc;

use anyhow::{Context, Result};
use hawker_protocol::object::Role;
use hawker_protocol::request::{
    CouponEnd, CouponOpen, CouponPush, CouponRevoke, RevokeOf, RoomPause, RoomResume,
};
use hawker_protocol::text::List;
use hawker_protocol::{Id, Request};
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use super::plan::{self, CAMPAIGNS};
use super::scene::Scene;
use super::schedule::{ACTS, Act};
use super::waves::Wave;
use crate::api::{STREAMER, id, list};
use crate::line::{self, Line};
use crate::socket::Socket;
use crate::token::Person;

/// The shop's own system: platform money is its to spend.
pub(super) const SERVICE: &str = "load-service";
const AGAIN: Duration = Duration::from_millis(60);
/// A server that answers nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Host {
    scene: Arc<Scene>,
    user: &'static str,
    role: Role,
    socket: Option<Socket>,
    commands: u32,
}

/// What the server said for good: a line, or the code of a no.
pub(super) type Said = std::result::Result<String, String>;

impl Host {
    pub(super) fn streamer(scene: Arc<Scene>) -> Self {
        Self { scene, user: STREAMER, role: Role::Streamer, socket: None, commands: 0 }
    }

    pub(super) fn service(scene: Arc<Scene>) -> Self {
        Self { scene, user: SERVICE, role: Role::Service, socket: None, commands: 0 }
    }

    pub(super) fn command(&mut self) -> Result<Id> {
        self.commands += 1;
        id(&format!("{}-{}-{}", self.scene.target.name, self.user, self.commands))
    }

    /// Asks until there is an answer, on whatever socket.
    pub(super) async fn ask(&mut self, request: impl Into<Request>) -> Result<Said> {
        let request = request.into();
        let mut stage = self.scene.stage.subscribe();
        loop {
            let now = *stage.wait_for(|stage| stage.over || !stage.doors_shut).await?;
            anyhow::ensure!(!now.over, "the run was over before {}", request.type_name());
            match timeout(PATIENCE, self.try_to_ask(&request)).await {
                Ok(Ok(Some(said))) => return Ok(said),
                Ok(Ok(None)) => sleep(AGAIN).await,
                Ok(Err(_)) | Err(_) => {
                    self.socket = None;
                    sleep(AGAIN).await;
                }
            }
        }
    }

    /// `None`: the server had no time.
    async fn try_to_ask(&mut self, request: &Request) -> Result<Option<Said>> {
        if self.socket.is_none() {
            let shop = self.scene.shop.as_str();
            let person = Person { user: self.user, name: None, role: self.role, shop };
            let number = self.scene.viewers + usize::from(self.role == Role::Service);
            self.socket = Some(self.scene.target.connect(number, person).await?);
        }
        let socket = self.socket.as_mut().context("there is no socket")?;
        let asked = socket.queue(request);
        let mut text = String::new();
        loop {
            while socket.next(&mut text)? {
                for line in text.lines() {
                    if let Some(answer) = answer_in(line, asked)? {
                        return Ok(answer);
                    }
                }
            }
            socket.fill().await?;
        }
    }

    /// Does something that must be a yes.
    pub(super) async fn change(&mut self, request: impl Into<Request>) -> Result<()> {
        let request = request.into();
        let command = request.command_id().cloned().context("it changes nothing")?;
        match self.ask(request.clone()).await? {
            Ok(_) => self.scene.told().on_accepted(self.user, command.as_str()),
            Err(code) => {
                let what = format!("{} of the host was refused: {code}", request.type_name());
                self.scene.told().add(|| what);
            }
        }
        Ok(())
    }

    pub(super) async fn plan_campaigns(&mut self) -> Result<()> {
        for (campaign, name) in CAMPAIGNS.into_iter().enumerate() {
            let command = self.command()?;
            let (shop, quota) = (self.scene.shop.clone(), self.scene.quota);
            let create = plan::create(&shop, campaign, quota, command)?;
            let said = self.ask(create).await?;
            said.map_err(|code| anyhow::anyhow!("planning {name}: {code}"))?;
        }
        Ok(())
    }

    /// Everything is open from now on.
    pub(super) async fn open_campaigns(&mut self) -> Result<()> {
        for campaign in CAMPAIGNS {
            let (shop, command_id) = (self.scene.shop.clone(), self.command()?);
            self.change(CouponOpen { shop, command_id, campaign: id(campaign)? }).await?;
        }
        Ok(())
    }

    /// Everything at its time.
    pub(super) async fn entertain(mut self, began: Instant) -> Result<()> {
        let mut service = Self::service(Arc::clone(&self.scene));
        service.commands = 1_000;
        for (share, act) in ACTS {
            sleep_until(began + self.scene.run.mul_f64(share)).await;
            self.act(act, &mut service).await?;
        }
        Ok(())
    }

    async fn act(&mut self, act: Act, service: &mut Self) -> Result<()> {
        let (shop, room) = (self.scene.shop.clone(), self.scene.room.clone());
        let command_id = self.command()?;
        match act {
            Act::Push { campaign, followers } => self.push(campaign, followers, command_id).await,
            Act::Pause => self.change(RoomPause { shop, command_id, room }).await,
            Act::Resume => self.change(RoomResume { shop, command_id, room }).await,
            Act::End { campaign } => {
                let campaign = id(CAMPAIGNS[campaign])?;
                self.change(CouponEnd { shop, command_id, campaign }).await
            }
            Act::Revoke { campaign } => {
                self.scene.will_revoke(campaign);
                let of = RevokeOf::Campaign(id(CAMPAIGNS[campaign])?);
                let command_id = service.command()?;
                service.change(CouponRevoke { shop, command_id, of }).await
            }
        }
    }

    async fn push(&mut self, campaign: usize, followers: bool, command_id: Id) -> Result<()> {
        let scene = Arc::clone(&self.scene);
        let segment = if followers { list(plan::followers())? } else { List::default() };
        let (shop, room) = (scene.shop.clone(), scene.room.clone());
        let push =
            CouponPush { shop, command_id, campaign: id(CAMPAIGNS[campaign])?, room, segment };
        let number = {
            let mut waves = scene.waves();
            let (sent, answered, place) = (Instant::now(), None, None);
            waves.push(Wave { campaign, followers, sent, answered, place });
            waves.len() - 1
        };
        scene.change(|stage| stage.pushes = number + 1);
        self.change(push).await?;
        if let Some(wave) = scene.waves().get_mut(number) {
            wave.answered = Some(Instant::now());
        }
        Ok(())
    }
}

/// The answer to request `asked`, if the line is one: `Some(None)` where it is to be asked again.
fn answer_in(line: &str, asked: u32) -> Result<Option<Option<Said>>> {
    Ok(match line::read(line)? {
        Line::Yes { re, line } if re == asked => Some(Some(Ok(line.to_owned()))),
        Line::No { re, code, .. } if re == Some(asked) => {
            let again = matches!(code, "busy" | "retry" | "timeout" | "unknown_outcome");
            Some(Some(Err(code.to_owned())).filter(|_| !again))
        }
        Line::Yes { .. } | Line::No { .. } | Line::Push { .. } => None,
    })
}
