//! A shop with a desk for tests: who accepts, who writes. Owns no expectation.

use hawker_domain::command::{ChatCommand, Content, DeskCommand, Intent, ShopCommand};
use hawker_domain::id::ShopId;
use hawker_domain::money::Currency;
use hawker_domain::settings::Settings;
use hawker_domain::time::Millis;
use hawker_domain::{Actor, Command, Role};

use crate::twin::Twin;

pub(crate) fn act(
    twin: &mut Twin,
    (user, role): (&str, Role),
    command: impl Into<Command>,
    now: Millis,
) {
    let actor = Actor { user: user.parse().expect("an id"), role };
    let command = command.into();
    let outcome = twin.execute(&actor, &command, now);
    assert!(outcome.is_ok(), "{command:?}: {outcome:?}");
}

pub(crate) fn stage() -> Twin {
    let mut twin = Twin::new(ShopId::parse("acme").expect("an id"));
    let currency = Currency::parse("USD").expect("a currency");
    let settings = Settings::default();
    let create = ShopCommand::Create { name: "Acme".into(), currency, settings };
    act(&mut twin, ("system", Role::Service), create, Millis(0));
    twin
}

pub(crate) fn accept(twin: &mut Twin, agent: &str, cap: u32, now: Millis) {
    let who = (agent, Role::Agent);
    act(twin, who, DeskCommand::SetCap { agent: None, cap }, now);
    act(twin, who, DeskCommand::Connect { connection: agent.parse().expect("an id") }, now);
    let intent = DeskCommand::SetIntent { agent: None, intent: Intent::Accepting, confirmed: true };
    act(twin, who, intent, now);
}

pub(crate) fn write(twin: &mut Twin, buyer: u64, now: Millis) {
    let user = format!("b{buyer}");
    let send = ChatCommand::Send { content: Content::Text("hello".to_owned()), room: None };
    act(twin, (&user, Role::Buyer), send, now);
}
