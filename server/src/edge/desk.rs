//! What the staff reads of the service desk: the team, the lists, the response rate, the shop's
//! own words and switches. Each is one question to the shop, of bounded work; decides nothing.

use hawker_domain::command::{Actor, DeskCommand, Role};
use hawker_domain::id::{ShopId, UserId};
use hawker_domain::rejection::Rejection;
use hawker_domain::shop::Shop;
use hawker_domain::time::Millis;
use hawker_domain::view::desk::AgentRatesPage;
use hawker_domain::view::{Change, DeskChange};
use hawker_protocol::limits::PAGE_ITEMS;
use hawker_protocol::number::PageLimit;
use hawker_protocol::object::PolicyChange;
use hawker_protocol::request::RateBy;
use hawker_protocol::{Answer, Code, Refusal, Request, reply, request};

use super::auth::Identity;
use super::service::{Service, acting_role, payload_hash};
use crate::wire;

impl Service {
    /// Answers what the staff may read; gives back what is no such request.
    pub(super) async fn read_desk(
        &self,
        shop: &ShopId,
        identity: &Identity,
        request: Request,
    ) -> Result<Answer, Refusal> {
        match request {
            Request::DeskTeam(it) => self.team(shop, identity, it).await,
            Request::DeskList(it) => self.desk_list(shop, identity, it).await,
            Request::DeskResponseRate(it) => self.response_rate(shop, identity, it).await,
            Request::DeskQuickReplies(_) => self.desk_texts(shop, identity).await,
            Request::DeskPolicy(it) => self.desk_policy(shop, identity, it).await,
            Request::DeskOpen(it) => self.open_conversation(shop, identity, &it).await,
            Request::DeskHistory(it) => self.desk_history(shop, identity, &it).await,
            Request::DeskSearch(it) => self.search(shop, identity, &it).await,
            Request::DeskExport(it) => self.export(shop, identity, &it).await,
            request => {
                let name = request.type_name();
                Err(Refusal::new(Code::UnknownRequest).detail("type", name))
            }
        }
    }

    /// Asks a shop on behalf of one of `wanted`.
    pub(super) async fn ask_for<T: Send + 'static>(
        &self,
        shop: &ShopId,
        identity: &Identity,
        wanted: &[Role],
        question: impl FnOnce(&Shop, Millis) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let role = acting_role(identity, shop, wanted)?;
        self.ask_as(shop, Actor { user: identity.user.clone(), role }, question).await
    }

    async fn team(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: request::DeskTeam,
    ) -> Result<Answer, Refusal> {
        let (after, agents_max) = (user_cursor(it.cursor.as_deref())?, page_size(it.limit));
        let found = self.ask_for(shop, identity, wire::SPEAKERS, move |shop, _| {
            (shop.team_page(after.as_ref(), agents_max), shop.alerts_view())
        });
        let (page, alerts) = found.await?;
        let team = reply::Team {
            agents: page.agents.iter().map(wire::agent).collect(),
            alerts: wire::alerts(&alerts),
            next: page.next.map(|next| next.to_string()),
        };
        Ok(team.into())
    }

    async fn desk_list(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: request::DeskList,
    ) -> Result<Answer, Refusal> {
        let list = wire::desk_list(&it, &identity.user);
        let after = it.cursor.as_deref().map(wire::cursor).transpose()?;
        let sessions_max = page_size(it.limit);
        let found = self.ask_for(shop, identity, wire::SPEAKERS, move |shop, _| {
            shop.desk_list(&list, after, sessions_max)
        });
        let page = found.await?;
        let sessions = page.sessions.iter().map(wire::session).collect();
        Ok(reply::Sessions { sessions, next: page.next.map(wire::cursor_text) }.into())
    }

    async fn response_rate(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: request::DeskResponseRate,
    ) -> Result<Answer, Refusal> {
        let window = (Millis(it.from.0), Millis(it.until.0));
        if window.1 < window.0 {
            return Err(Refusal::invalid_field("until", "must not be before from"));
        }
        let agent = it.agent.as_ref().map(wire::user_id);
        if it.by == RateBy::Shop {
            let found = self.ask_for(shop, identity, wire::EDITORS, move |shop, _| {
                shop.response_rate(window.0, window.1)
            });
            let shop = Some(wire::rate(&found.await?));
            return Ok(reply::ResponseRate { shop, agents: Vec::new(), next: None }.into());
        }
        // His own figures are no secret to an agent.
        let is_own = agent.as_ref() == Some(&identity.user);
        let wanted = if is_own { wire::SPEAKERS } else { wire::EDITORS };
        let (after, agents_max) = (user_cursor(it.cursor.as_deref())?, page_size(it.limit));
        let found = self.ask_for(shop, identity, wanted, move |shop, _| match agent {
            Some(agent) => {
                let rate = shop.agent_rate(&agent, window.0, window.1);
                let rate = rate.ok_or(Rejection::AgentUnknown)?;
                Ok(AgentRatesPage { agents: vec![rate], next: None })
            }
            None => Ok(shop.agent_rates(window, after.as_ref(), agents_max)),
        });
        let page = found.await?.map_err(|rejection| wire::rejection_refusal(&rejection))?;
        let counts = page.agents.iter().filter(|it| it.hits + it.missed + it.no_reply > 0);
        let agents = counts.map(wire::agent_rate).collect();
        let next = page.next.map(|next| next.to_string());
        Ok(reply::ResponseRate { shop: None, agents, next }.into())
    }

    async fn desk_texts(&self, shop: &ShopId, identity: &Identity) -> Result<Answer, Refusal> {
        let texts = self.ask_for(shop, identity, wire::SPEAKERS, |shop, _| shop.desk_texts());
        Ok(wire::texts(&texts.await?).into())
    }

    /// Without any figure it reads; what changes nothing is no command.
    async fn desk_policy(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: request::DeskPolicy,
    ) -> Result<Answer, Refusal> {
        let only_reads = it.policy == PolicyChange::default();
        let wanted = if only_reads { wire::SPEAKERS } else { wire::KEEPERS };
        let role = acting_role(identity, shop, wanted)?;
        let actor = Actor { user: identity.user.clone(), role };
        let now = self.ask_as(shop, actor.clone(), |shop, _| shop.desk_policy().clone()).await?;
        let policy = wire::changed_policy(&now, &it.policy);
        if policy == now {
            return Ok(reply::PolicyChanged { policy: wire::policy(&now) }.into());
        }
        let (command, id) = (DeskCommand::SetPolicy { policy }, wire::command_id(&it.command_id));
        let hash = payload_hash(&Request::DeskPolicy(it));
        let changed = self.submit(shop, actor, command.into(), id, hash).await?;
        match changed.result {
            Some(Change::Desk(DeskChange::Policy(policy))) => {
                Ok(reply::PolicyChanged { policy: wire::policy(&policy) }.into())
            }
            _ => Err(Refusal::new(Code::Internal)),
        }
    }
}

/// How many entries a page has.
pub(super) fn page_size(limit: Option<PageLimit>) -> usize {
    limit.map_or(PAGE_ITEMS, |limit| limit.0) as usize
}

pub(super) fn foreign_cursor() -> Refusal {
    Refusal::invalid_field("cursor", "not one that an answer gave as next")
}

fn user_cursor(cursor: Option<&str>) -> Result<Option<UserId>, Refusal> {
    let user = |text| UserId::parse(text).map_err(|_| foreign_cursor());
    cursor.map(user).transpose()
}
