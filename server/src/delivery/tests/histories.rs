//! Random histories of a shop: a client that applied every line since its snapshot sees what a
//! newcomer's snapshot shows.

use hawker_domain::Command;
use hawker_domain::command::{Capabilities, OrderCommand, PromoCommand, ShopCommand, Stock, Task};
use hawker_domain::id::{CommentId, DrawId, OrderId, SaleId};
use hawker_domain::shop::Pulse;
use proptest::prelude::*;

use super::client::Model;
use super::stage::{SEED, campaign_id, claim_coupon, coupon, draw_id, lucky, push_to};
use super::*;

const COMMENTS_MAX: usize = 3;

/// What happens, by whom, how much of it.
type Step = (u8, u8, u32);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..26_u8, 0..3_u8, 1..4_u32), 5..60)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn a_client_that_applied_every_line_sees_what_the_snapshot_shows(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(live(steps));
    }
}

struct Viewer {
    house: House,
    model: Model,
    /// Claims, comments and orders so far: their ids are `h<n>`, `c<n>`, `o<n>`.
    count: usize,
}

async fn live(steps: Vec<Step>) {
    let options = Options {
        snapshot_comments_max: COMMENTS_MAX,
        snapshot_offers_max: usize::MAX,
        snapshot_draws_max: usize::MAX,
        ended_sales_max: usize::MAX,
        ..Options::default()
    };
    let house = House::with(options).await;
    house.driver.run_sale(flash(Scope::AllRooms, 5)).await;
    let capabilities = Capabilities { lucky_draws: true };
    house.driver.manage(PromoCommand::SetCapabilities { capabilities }).await;
    settle().await;
    let mut viewer = Viewer { model: joined(&house), house, count: 0 };
    for step in steps {
        viewer = viewer.on_step(step).await;
        settle().await;
        viewer.listen();
        let shown = viewer.house.delivery.snapshot(&topic("r1")).unwrap();
        assert_eq!(shown.seq, viewer.model.seen.seq, "after {step:?}");
    }
    pass(Duration::from_secs(1)).await;
    viewer.listen();
    let shown = viewer.house.delivery.snapshot(&topic("r1")).unwrap();
    assert_eq!(viewer.model.seen, Model::new(&shown.body, COMMENTS_MAX).seen);
}

fn joined(house: &House) -> Model {
    house.hush();
    Model::new(&house.delivery.snapshot(&topic("r1")).unwrap().body, COMMENTS_MAX)
}

impl Viewer {
    fn listen(&mut self) {
        for (_, heard) in self.house.heard() {
            if heard.topic == topic("r1") {
                self.model.on_line(&heard.line);
            }
        }
        self.house.hush();
    }

    async fn on_step(mut self, (kind, who, much): Step) -> Self {
        let buyer = ["ann", "bob", "cat"][usize::from(who)];
        self.count += 1;
        let driver = &self.house.driver;
        match kind {
            0 => pass(Duration::from_millis(u64::from(much) * 37)).await,
            1 => pass(Duration::from_secs(u64::from(much) * 61)).await,
            2 => {
                self.house = self.house.restart().await;
                self.model = joined(&self.house);
            }
            3 => {
                let (likes, viewers) = (u64::from(much), u64::from(much));
                let pulse = Pulse { likes, joins: 1, viewers, ..Pulse::default() };
                driver.engine.pulse(&shop_id(), &room_id("r1"), pulse);
            }
            kind => {
                let (role, command) = self.command(kind, buyer, much);
                // Many make no sense at the moment: what is refused must not be told.
                let _ = driver.ask(buyer, role, command).await;
            }
        }
        self
    }

    fn command(&self, kind: u8, buyer: &str, much: u32) -> (Role, Command) {
        let (count, room) = (self.count, room_id("r1"));
        let earlier = count.saturating_sub(much as usize);
        let order = |number| OrderId::parse(&format!("o{number}")).unwrap();
        let by_shop = |command: Command| (Role::Service, command);
        let by_buyer = |command: Command| (Role::Buyer, command);
        match kind {
            4..=7 => by_buyer(claim("r1", &format!("h{count}"), much).into()),
            8 => by_buyer(release(&format!("h{earlier}")).into()),
            9 => by_buyer(wait("r1", much).into()),
            10 => by_buyer(place(&format!("o{count}"), held(&format!("h{earlier}"))).into()),
            11 => by_buyer(OrderCommand::BeginPayment { order: order(earlier) }.into()),
            12 => by_buyer(comment("r1", &format!("c{count}"), buyer).into()),
            13 => {
                let comment = CommentId::parse(&format!("c{earlier}")).unwrap();
                by_shop(RoomCommand::DeleteComment { room, comment }.into())
            }
            14 => by_shop(RoomCommand::Pin { room, sku: sku_id() }.into()),
            15 if much == 1 => by_shop(RoomCommand::Unpin { room }.into()),
            15 => {
                let products = if much == 2 { vec![] } else { vec![product_id()] };
                by_shop(RoomCommand::SetBag { room, products }.into())
            }
            16 => by_shop(lipstick(&format!("Title {count}")).into()),
            17 => {
                let stock = Stock::Units(u64::from(much) * 10);
                by_shop(ShopCommand::SetStock { sku: sku_id(), stock }.into())
            }
            18 => self.sale_command(much),
            20..=22 => self.campaign_command(much),
            23 | 24 => self.draw_command(much),
            25 => by_buyer(PromoCommand::EnterDraw { draw: self.draw(much) }.into()),
            _ if much == 1 => by_shop(RoomCommand::Pause { room }.into()),
            _ => by_shop(RoomCommand::Resume { room }.into()),
        }
    }

    /// Of four campaigns at a time, some for this room only.
    fn campaign_command(&self, much: u32) -> (Role, Command) {
        let name = format!("k{}", self.count / 16 * 4 + self.count % 4);
        let campaign = campaign_id(&name);
        let scope = if self.count.is_multiple_of(2) { Scope::AllRooms } else { in_room("r1") };
        let command = match (self.count / 4 % 4, much) {
            (0, 1) => PromoCommand::CreateCampaign { campaign, spec: coupon(scope) },
            (0 | 1, _) => PromoCommand::OpenCampaign { campaign },
            (2, 1) => push_to(&name, vec![]),
            (2, 2) => PromoCommand::EndCampaign { campaign },
            (2, _) => PromoCommand::RevokeCampaign { campaign },
            (_, _) => {
                let claim = claim_coupon(&name, &format!("k{}", self.count));
                return (Role::Buyer, claim.into());
            }
        };
        (Role::Service, command.into())
    }

    fn draw(&self, much: u32) -> DrawId {
        draw_id(&format!("d{}", self.count.saturating_sub(much as usize) / 8))
    }

    fn draw_command(&self, much: u32) -> (Role, Command) {
        let draw = self.draw(much);
        let command = match much {
            1 => PromoCommand::StartDraw { draw, spec: lucky(Task::None, 2) },
            2 => PromoCommand::RevealDraw { draw, seed: SEED },
            _ => return (Role::Buyer, PromoCommand::EnterDraw { draw }.into()),
        };
        (Role::Service, command.into())
    }

    fn sale_command(&self, much: u32) -> (Role, Command) {
        let sale = SaleId::parse(&format!("s{}", self.count % 4)).unwrap();
        let command = match much {
            1 => SaleCommand::Create {
                sale,
                spec: hawker_domain::command::SaleSpec {
                    price_hidden: true,
                    ..flash(Scope::AllRooms, 2)
                },
            },
            2 => SaleCommand::Announce { sale },
            _ => SaleCommand::Cancel { sale },
        };
        (Role::Service, command.into())
    }
}
