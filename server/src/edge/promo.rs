//! What is read of prices, coupons and draws, over whichever door. Each is one question to the
//! shop, of bounded work, or a document; decides nothing.

use hawker_domain::command::{Address, Role};
use hawker_domain::document;
use hawker_domain::id::{CampaignId, RuleId, ShopId, UserId};
use hawker_domain::shop::Shop;
use hawker_domain::view::promo::{CampaignView, DrawState, DrawView};
use hawker_protocol::limits::PAGE_ITEMS;
use hawker_protocol::number::PageLimit;
use hawker_protocol::{Answer, Code, Id, Refusal, Request, http, object, reply, request};

use super::auth::Identity;
use super::service::{Service, acting_role, payload_hash};
use crate::wire;

/// The staff of a shop who see campaigns with their figures.
const OVERSEERS: &[Role] =
    &[Role::Streamer, Role::Supervisor, Role::Manager, Role::Agent, Role::Service];

impl Service {
    /// Answers what is read of promotions; gives back what is no such request.
    pub(super) async fn read_promo(
        &self,
        shop: &ShopId,
        identity: &Identity,
        request: Request,
    ) -> Result<Answer, Refusal> {
        match request {
            Request::CartQuote(it) => {
                acting_role(identity, shop, wire::BUYER)?;
                let (basket, coupons) = (&it.basket, &it.coupons);
                let user = &identity.user;
                let quote = self.quote(shop, user, basket, coupons, it.room.as_ref()).await?;
                Ok(reply::Quoted { quote }.into())
            }
            Request::CouponList(it) => {
                acting_role(identity, shop, wire::BUYER)?;
                let (room, cursor) = (it.room.as_ref(), it.cursor.as_deref());
                Ok(self.coupons_of(shop, &identity.user, room, cursor, it.limit).await?.into())
            }
            Request::CouponCampaigns(it) => {
                self.require_member(shop, identity, OVERSEERS).await?;
                let (room, cursor) = (it.room.as_ref(), it.cursor.as_deref());
                Ok(self.campaigns(shop, it.state, room, cursor, it.limit).await?.into())
            }
            Request::PriceRules(it) => {
                self.require_member(shop, identity, OVERSEERS).await?;
                Ok(self.price_rules(shop, it.cursor.as_deref(), it.limit).await?.into())
            }
            Request::DrawList(it) => Ok(self.draws(shop, it.room.as_ref(), None).await?.into()),
            Request::DrawClose(it) => self.close_draw(shop, identity, &it.draw).await,
            Request::ShopCapabilities(it) => self.change_capabilities(shop, identity, it).await,
            request => self.read_desk(shop, identity, request).await,
        }
    }

    /// Whether he is one of `wanted`, and the shop has not sent him away.
    async fn require_member(
        &self,
        shop: &ShopId,
        identity: &Identity,
        wanted: &[Role],
    ) -> Result<(), Refusal> {
        self.ask_for(shop, identity, wanted, |_, _| ()).await
    }

    /// What a basket would cost this buyer now.
    pub(super) async fn quote(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        basket: &request::Basket,
        coupons: &request::CouponChoice,
        room: Option<&Id>,
    ) -> Result<object::Quote, Refusal> {
        let (basket, coupons) = (wire::basket(basket), wire::coupon_choice(coupons));
        let (buyer, room) = (buyer.clone(), room.map(wire::room_id));
        let quoted = self.ask(shop, move |shop, now| {
            let quote = shop.quote(&buyer, &basket, &coupons, room.as_ref(), now)?;
            Ok(wire::quote(&quote, shop.currency()))
        });
        metrics::counter!("hawker_quotes_total").increment(1);
        quoted.await?.map_err(|rejection| wire::rejection_refusal(&rejection))
    }

    /// What a buyer may claim, what he has, and how far he is. What is his own comes with the
    /// first page.
    pub(super) async fn coupons_of(
        &self,
        shop: &ShopId,
        buyer: &UserId,
        room: Option<&Id>,
        cursor: Option<&str>,
        limit: Option<PageLimit>,
    ) -> Result<reply::Coupons, Refusal> {
        let after = cursor.map(campaign_cursor).transpose()?;
        let (offers_max, room) = (page_size(limit), room.map(wire::room_id));
        let buyer = buyer.clone();
        let found = self.ask(shop, move |shop, _| {
            shop.view()?;
            let own = shop.promo_buyer_view(&buyer);
            let has = |it: &CampaignView| own.coupons.iter().any(|had| had.campaign == it.campaign);
            let here = |it: &CampaignView| {
                room.as_ref().is_none_or(|room| wire::is_in_room(&it.spec.rooms, room))
            };
            let offered = |it: &CampaignView| (wire::is_offered(it.state) && here(it)) || has(it);
            let (page, next) = campaign_page(shop, after.as_ref(), offers_max, offered);
            let own = if after.is_none() { own } else { Default::default() };
            Some((page, next, own))
        });
        let (page, next, own) = found.await?.ok_or(Refusal::new(Code::ShopUnknown))?;
        Ok(reply::Coupons {
            offers: page.iter().map(wire::offer).collect(),
            coupons: own.coupons.iter().map(wire::coupon).collect(),
            granted: own.granted.into_iter().map(wire::id).collect(),
            progress: own.progress.iter().map(wire::progress).collect(),
            reminders: own.reminders.into_iter().map(wire::id).collect(),
            next,
        })
    }

    pub(super) async fn campaigns(
        &self,
        shop: &ShopId,
        state: Option<object::CampaignState>,
        room: Option<&Id>,
        cursor: Option<&str>,
        limit: Option<PageLimit>,
    ) -> Result<reply::Campaigns, Refusal> {
        let after = cursor.map(campaign_cursor).transpose()?;
        let state = state.map(wire::wanted_campaign);
        let (campaigns_max, room) = (page_size(limit), room.map(wire::room_id));
        let found = self.ask(shop, move |shop, _| {
            shop.view()?;
            let wanted = |it: &CampaignView| {
                state.is_none_or(|state| it.state == state)
                    && room.as_ref().is_none_or(|room| wire::is_in_room(&it.spec.rooms, room))
            };
            Some(campaign_page(shop, after.as_ref(), campaigns_max, wanted))
        });
        let (page, next) = found.await?.ok_or(Refusal::new(Code::ShopUnknown))?;
        Ok(reply::Campaigns { campaigns: page.iter().map(wire::campaign).collect(), next })
    }

    /// One campaign; an archived one as it last was.
    pub(super) async fn campaign(
        &self,
        shop: &ShopId,
        campaign: &Id,
    ) -> Result<http::CampaignDetail, Refusal> {
        let id = wire::campaign_id(campaign);
        let asked = id.clone();
        let found = self.ask(shop, move |shop, _| {
            shop.view()?;
            Some(shop.campaign_view(&asked))
        });
        let view = match found.await?.ok_or(Refusal::new(Code::ShopUnknown))? {
            Some(view) => Some(view),
            None => self.stored::<CampaignView>(shop, &document::campaign_key(&id)).await?,
        };
        view.as_ref().map(wire::campaign_detail).ok_or(Refusal::new(Code::CampaignUnknown))
    }

    pub(super) async fn price_rules(
        &self,
        shop: &ShopId,
        cursor: Option<&str>,
        limit: Option<PageLimit>,
    ) -> Result<reply::PriceRuleList, Refusal> {
        let unknown = || Refusal::invalid_field("cursor", "is not one that a list gave");
        let after = cursor.map(|it| RuleId::parse(it).map_err(|_| unknown())).transpose()?;
        let rules_max = page_size(limit);
        let found = self.ask(shop, move |shop, _| {
            shop.view()?;
            let rules = shop.rules().into_iter();
            let later = rules.filter(|it| after.as_ref().is_none_or(|after| it.rule > *after));
            Some((later.take(rules_max + 1).collect::<Vec<_>>(), shop.stacking().clone()))
        });
        let (mut rules, stacking) = found.await?.ok_or(Refusal::new(Code::ShopUnknown))?;
        let more = rules.len() > rules_max;
        rules.truncate(rules_max);
        let last = rules.last().filter(|_| more);
        let next = last.map(|rule| rule.rule.to_string());
        let rules = rules.iter().map(wire::price_rule).collect();
        Ok(reply::PriceRuleList { rules, stacking: wire::stacking(&stacking), next })
    }

    /// The draws in memory. Without a state those that are not done.
    pub(super) async fn draws(
        &self,
        shop: &ShopId,
        room: Option<&Id>,
        state: Option<object::DrawState>,
    ) -> Result<reply::Draws, Refusal> {
        let (room, state) = (room.map(wire::room_id), state.map(wire::wanted_draw));
        let found = self.ask(shop, move |shop, _| {
            shop.view()?;
            let mut draws = shop.draws();
            draws.retain(|draw| {
                state.map_or(draw.state != DrawState::Done, |state| draw.state == state)
                    && room.as_ref().is_none_or(|room| draw.room == *room)
            });
            Some(draws)
        });
        let draws = found.await?.ok_or(Refusal::new(Code::ShopUnknown))?;
        let shown = |draw: &DrawView| wire::draw(draw, wire::DRAW_WINNERS_SHOWN);
        Ok(reply::Draws { draws: draws.iter().map(shown).collect() })
    }

    /// One draw with all that it takes to compute its winners again.
    pub(super) async fn draw(&self, shop: &ShopId, draw: &Id) -> Result<http::DrawDetail, Refusal> {
        Ok(wire::draw_detail(&self.draw_view(shop, draw).await?))
    }

    /// Where the prizes of a draw go.
    pub(super) async fn prizes(&self, shop: &ShopId, draw: &Id) -> Result<http::Prizes, Refusal> {
        let view = self.draw_view(shop, draw).await?;
        let mut prizes = Vec::with_capacity(view.winners.len());
        for winner in &view.winners {
            let key = document::prize_address_key(&winner.buyer, &view.draw);
            let address = self.stored::<Address>(shop, &key).await?;
            prizes.push(http::Prize {
                buyer: wire::id(winner.buyer.clone()),
                state: wire::prize_state(winner.prize),
                address: address.and_then(wire::address),
            });
        }
        Ok(http::Prizes { prizes })
    }

    pub(super) async fn draw_view(&self, shop: &ShopId, draw: &Id) -> Result<DrawView, Refusal> {
        let id = wire::draw_id(draw);
        let asked = id.clone();
        let found = self.ask(shop, move |shop, _| {
            shop.view()?;
            Some(shop.draw_view(&asked))
        });
        let view = match found.await?.ok_or(Refusal::new(Code::ShopUnknown))? {
            Some(view) => Some(view),
            None => self.stored::<DrawView>(shop, &document::draw_key(&id)).await?,
        };
        view.ok_or(Refusal::new(Code::DrawUnknown))
    }

    /// Draws the winners where the server has not done so by itself.
    async fn close_draw(
        &self,
        shop: &ShopId,
        identity: &Identity,
        draw: &Id,
    ) -> Result<Answer, Refusal> {
        self.require_member(shop, identity, wire::HOSTS).await?;
        Ok(self.draw_now(shop, draw).await?.into())
    }

    /// The same for whoever has been let in. A draw that runs goes on.
    pub(super) async fn draw_now(
        &self,
        shop: &ShopId,
        draw: &Id,
    ) -> Result<reply::DrawChanged, Refusal> {
        let view = self.draw_view(shop, draw).await?;
        match view.state {
            DrawState::Running | DrawState::Closed => {
                self.reveal_draw(shop, &wire::draw_id(draw)).await?;
            }
            DrawState::Drawn | DrawState::Done => {}
        }
        let view = self.draw_view(shop, draw).await?;
        Ok(reply::DrawChanged { draw: wire::draw(&view, wire::DRAW_WINNERS_SHOWN) })
    }

    async fn change_capabilities(
        &self,
        shop: &ShopId,
        identity: &Identity,
        it: request::ShopCapabilities,
    ) -> Result<Answer, Refusal> {
        let now = self.ask_for(shop, identity, wire::PLATFORM, |shop, _| shop.capabilities());
        let now = now.await?;
        let wanted = wire::changed_capabilities(now, it.capabilities);
        if wanted != now {
            let actor = hawker_domain::command::Actor {
                user: identity.user.clone(),
                role: acting_role(identity, shop, wire::PLATFORM)?,
            };
            let command =
                hawker_domain::command::PromoCommand::SetCapabilities { capabilities: wanted };
            let payload_hash = payload_hash(&Request::ShopCapabilities(it.clone()));
            let id = wire::command_id(&it.command_id);
            self.submit(shop, actor, command.into(), id, payload_hash).await?;
        }
        let capabilities = wire::capabilities(wanted);
        Ok(reply::CapabilitiesChanged { capabilities }.into())
    }
}

/// The wanted campaigns behind `after`, and where the next page begins.
fn campaign_page(
    shop: &Shop,
    after: Option<&CampaignId>,
    campaigns_max: usize,
    wanted: impl Fn(&CampaignView) -> bool,
) -> (Vec<CampaignView>, Option<String>) {
    let all = shop.campaigns().into_iter();
    let later = all.filter(|it| after.is_none_or(|after| it.campaign > *after) && wanted(it));
    let mut page: Vec<_> = later.take(campaigns_max + 1).collect();
    let more = page.len() > campaigns_max;
    page.truncate(campaigns_max);
    let last = page.last().filter(|_| more);
    let next = last.map(|campaign| campaign.campaign.to_string());
    (page, next)
}

fn campaign_cursor(cursor: &str) -> Result<CampaignId, Refusal> {
    CampaignId::parse(cursor)
        .map_err(|_| Refusal::invalid_field("cursor", "is not one that a list gave"))
}

fn page_size(limit: Option<PageLimit>) -> usize {
    limit.map_or(PAGE_ITEMS, |limit| limit.0) as usize
}
