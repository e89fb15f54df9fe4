//! What a shop says of itself: name, currency, settings. Owns the ranges of the settings.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Accepted, Shop};
use crate::command::{Actor, Command, Role, ShopCommand};
use crate::event::Event;
use crate::money::Currency;
use crate::rejection::Rejection;
use crate::settings::Settings;
use crate::text;
use crate::time::SpanMs;
use crate::view::ShopView;

const NAME_CHARS_MAX: usize = 120;
const ORDER_REMINDERS_MAX: usize = 8;
/// The longest unpaid window: a later reminder could never be sent.
const ORDER_REMINDER_MAX: SpanMs = SpanMs::days(30);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Profile {
    name: String,
    currency: Currency,
    settings: Settings,
    version: u64,
}

/// Whether this is the one command that a shop which does not exist yet may get.
pub(super) fn creates(command: &Command) -> bool {
    matches!(command, Command::Shop(ShopCommand::Create { .. }))
}

impl Shop {
    pub(super) fn decide_shop(
        &self,
        actor: &Actor,
        command: &ShopCommand,
    ) -> Result<Accepted, Rejection> {
        self.staff.require(actor, needed_roles(command))?;
        match command {
            ShopCommand::Create { name, currency, settings } => {
                self.decide_create(name, currency, settings)
            }
            ShopCommand::Rename { name } => self.decide_rename(name),
            ShopCommand::SetSettings { settings } => self.decide_settings(settings),
            ShopCommand::PutProduct { product, spec } => self.decide_product(product, spec),
            ShopCommand::SetStock { sku, stock } => self.decide_stock(sku, *stock),
            ShopCommand::AdjustStock { sku, delta_units } => self.decide_adjust(sku, *delta_units),
            ShopCommand::PutStaff { user, roles } => self.staff.decide_put(user, roles),
            ShopCommand::RemoveStaff { user } => self.staff.decide_remove(user),
            ShopCommand::Follow => Ok(self.decide_follow(&actor.user)),
            ShopCommand::Unfollow => Ok(self.decide_unfollow(&actor.user)),
            ShopCommand::EraseBuyer { buyer } => self.decide_erasure(buyer),
        }
    }

    fn decide_create(
        &self,
        name: &str,
        currency: &Currency,
        settings: &Settings,
    ) -> Result<Accepted, Rejection> {
        if self.profile.is_some() {
            return Err(Rejection::ShopExists);
        }
        let name = text::line("name", name, NAME_CHARS_MAX)?;
        check_settings(settings)?;
        let (currency, settings) = (currency.clone(), settings.clone());
        Ok(Accepted::event(Event::ShopCreated { name, currency, settings }))
    }

    fn decide_rename(&self, name: &str) -> Result<Accepted, Rejection> {
        let name = text::line("name", name, NAME_CHARS_MAX)?;
        if self.profile.as_ref().is_some_and(|profile| profile.name == name) {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::ShopRenamed { name }))
    }

    fn decide_settings(&self, settings: &Settings) -> Result<Accepted, Rejection> {
        check_settings(settings)?;
        if self.profile.as_ref().is_some_and(|profile| profile.settings == *settings) {
            return Ok(Accepted::default());
        }
        Ok(Accepted::event(Event::SettingsChanged { settings: settings.clone() }))
    }

    pub(super) fn on_shop_created(&mut self, name: &str, currency: &Currency, settings: &Settings) {
        self.profile = Some(Profile {
            name: name.to_owned(),
            currency: currency.clone(),
            settings: settings.clone(),
            version: 1,
        });
    }

    pub(super) fn on_shop_renamed(&mut self, name: &str) {
        if let Some(profile) = &mut self.profile {
            name.clone_into(&mut profile.name);
            profile.version += 1;
        }
    }

    pub(super) fn on_settings_changed(&mut self, settings: &Settings) {
        if let Some(profile) = &mut self.profile {
            profile.settings = settings.clone();
            profile.version += 1;
        }
    }

    /// Absent until the shop has been created.
    pub fn view(&self) -> Option<ShopView> {
        let Profile { name, currency, settings, version } = self.profile.clone()?;
        Some(ShopView { name, currency, settings, version })
    }

    /// The currency of every price. The shop must have been created.
    pub fn currency(&self) -> &Currency {
        &self.profile().currency
    }

    /// The figures of the rules. The shop must have been created.
    pub fn settings(&self) -> &Settings {
        &self.profile().settings
    }

    fn profile(&self) -> &Profile {
        let Some(profile) = &self.profile else {
            unreachable!("shop {} was asked for its profile before it was created", self.id)
        };
        profile
    }
}

fn needed_roles(command: &ShopCommand) -> &'static [Role] {
    match command {
        ShopCommand::Follow | ShopCommand::Unfollow => &[Role::Buyer],
        ShopCommand::Create { .. }
        | ShopCommand::Rename { .. }
        | ShopCommand::SetSettings { .. }
        | ShopCommand::PutProduct { .. }
        | ShopCommand::SetStock { .. }
        | ShopCommand::AdjustStock { .. }
        | ShopCommand::PutStaff { .. }
        | ShopCommand::RemoveStaff { .. }
        | ShopCommand::EraseBuyer { .. } => &[Role::Manager, Role::Service],
    }
}

fn check_settings(settings: &Settings) -> Result<(), Rejection> {
    let minute = SpanMs::minutes(1);
    let (hour, day) = (SpanMs::hours(1), SpanMs::hours(24));
    let second = SpanMs::seconds(1);
    let spans = [
        (
            "reservation_hold_ms",
            settings.reservation_hold_ms,
            SpanMs::seconds(10)..=day,
            "must be 10 s to 24 h",
        ),
        ("payment_grace_ms", settings.payment_grace_ms, SpanMs(0)..=hour, "must be at most 1 h"),
        (
            "min_presence_ms",
            settings.min_presence_ms,
            SpanMs(0)..=SpanMs::minutes(10),
            "must be at most 10 min",
        ),
        ("sale_countdown_ms", settings.sale_countdown_ms, second..=hour, "must be 1 s to 1 h"),
        ("sale_run_ms", settings.sale_run_ms, second..=day, "must be 1 s to 24 h"),
        (
            "sale_reminder_lead_ms",
            settings.sale_reminder_lead_ms,
            SpanMs(0)..=hour,
            "must be at most 1 h",
        ),
        (
            "waitlist_offer_ms",
            settings.waitlist_offer_ms,
            SpanMs::seconds(5)..=hour,
            "must be 5 s to 1 h",
        ),
        (
            "unpaid_window_ms",
            settings.unpaid_window_ms,
            minute..=SpanMs::days(30),
            "must be 1 min to 30 days",
        ),
        ("claim_grace_ms", settings.claim_grace_ms, SpanMs(0)..=day, "must be at most 24 h"),
        (
            "draw_repeat_window_ms",
            settings.draw_repeat_window_ms,
            hour..=SpanMs::days(90),
            "must be 1 h to 90 days",
        ),
    ];
    for (field, value, range, problem) in spans {
        check_range(field, &value, &range, problem)?;
    }
    let counts = [
        ("unpaid_expiries_max", settings.unpaid_expiries_max),
        ("waitlist_factor", settings.waitlist_factor),
    ];
    for (field, value) in counts {
        check_range(field, &value, &(0..=100), "must be at most 100")?;
    }
    check_range("draw_wins_max", &settings.draw_wins_max, &(1..=99), "must be 1 to 99")?;
    let fee = settings.shipping_fee_minor.0;
    check_range("shipping_fee_minor", &fee, &(0..=1_000_000), "must be at most 1,000,000")?;
    check_reminders(&settings.order_reminders_ms)
}

fn check_range<T: PartialOrd>(
    field: &'static str,
    value: &T,
    range: &RangeInclusive<T>,
    problem: &'static str,
) -> Result<(), Rejection> {
    if range.contains(value) { Ok(()) } else { Err(Rejection::Invalid { field, problem }) }
}

fn check_reminders(reminders: &[SpanMs]) -> Result<(), Rejection> {
    let field = "order_reminders_ms";
    if reminders.len() > ORDER_REMINDERS_MAX {
        return Err(Rejection::Invalid { field, problem: "must be at most 8" });
    }
    if !reminders.is_sorted_by(|earlier, later| earlier < later) {
        return Err(Rejection::Invalid { field, problem: "must rise" });
    }
    if reminders.iter().any(|after| *after == SpanMs(0) || *after > ORDER_REMINDER_MAX) {
        return Err(Rejection::Invalid { field, problem: "must be 1 ms to 30 days" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Minor;

    fn problem_of(change: impl Fn(&mut Settings)) -> Option<&'static str> {
        let mut settings = Settings::default();
        change(&mut settings);
        match check_settings(&settings) {
            Ok(()) => None,
            Err(Rejection::Invalid { field, .. }) => Some(field),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_legal() {
        assert_eq!(problem_of(|_| ()), None);
    }

    #[test]
    fn every_figure_is_checked_at_both_ends_of_its_range() {
        type Set = fn(&mut Settings, u64);
        let hour = 3_600_000;
        let cases: [(&str, Set, u64, u64); 12] = [
            ("reservation_hold_ms", |s, v| s.reservation_hold_ms = SpanMs(v), 10_000, 24 * hour),
            ("payment_grace_ms", |s, v| s.payment_grace_ms = SpanMs(v), 0, hour),
            ("min_presence_ms", |s, v| s.min_presence_ms = SpanMs(v), 0, 600_000),
            ("sale_countdown_ms", |s, v| s.sale_countdown_ms = SpanMs(v), 1_000, hour),
            ("sale_run_ms", |s, v| s.sale_run_ms = SpanMs(v), 1_000, 24 * hour),
            ("sale_reminder_lead_ms", |s, v| s.sale_reminder_lead_ms = SpanMs(v), 0, hour),
            ("waitlist_offer_ms", |s, v| s.waitlist_offer_ms = SpanMs(v), 5_000, hour),
            ("unpaid_window_ms", |s, v| s.unpaid_window_ms = SpanMs(v), 60_000, 720 * hour),
            ("claim_grace_ms", |s, v| s.claim_grace_ms = SpanMs(v), 0, 24 * hour),
            (
                "draw_repeat_window_ms",
                |s, v| s.draw_repeat_window_ms = SpanMs(v),
                hour,
                2_160 * hour,
            ),
            ("draw_wins_max", |s, v| s.draw_wins_max = u32::try_from(v).unwrap(), 1, 99),
            ("shipping_fee_minor", |s, v| s.shipping_fee_minor = Minor(v), 0, 1_000_000),
        ];
        for (field, set, least, most) in cases {
            assert_eq!(problem_of(|s| set(s, least)), None, "{field}");
            assert_eq!(problem_of(|s| set(s, most)), None, "{field}");
            assert_eq!(problem_of(|s| set(s, most + 1)), Some(field));
            if least > 0 {
                assert_eq!(problem_of(|s| set(s, least - 1)), Some(field));
            }
        }
        for value in [100, 101] {
            let too_many = value > 100;
            let field = problem_of(|s| s.unpaid_expiries_max = value);
            assert_eq!(field, too_many.then_some("unpaid_expiries_max"));
            let field = problem_of(|s| s.waitlist_factor = value);
            assert_eq!(field, too_many.then_some("waitlist_factor"));
        }
    }

    #[test]
    fn order_reminders_are_few_and_rise() {
        let reminders = |spans: &[u64]| spans.iter().copied().map(SpanMs).collect::<Vec<_>>();
        let most = reminders(&[1, 2, 3, 4, 5, 6, 7, 30 * 24 * 3_600_000]);
        assert_eq!(problem_of(|s| s.order_reminders_ms = most.clone()), None);
        assert_eq!(problem_of(|s| s.order_reminders_ms = Vec::new()), None);
        for bad in [
            &[1, 2, 3, 4, 5, 6, 7, 8, 9][..],
            &[2, 2][..],
            &[3, 2][..],
            &[0][..],
            &[30 * 24 * 3_600_000 + 1][..],
        ] {
            let field = problem_of(|s| s.order_reminders_ms = reminders(bad));
            assert_eq!(field, Some("order_reminders_ms"), "{bad:?}");
        }
    }
}
