//! The OpenAPI form of a type says as much as its JSON Schema.

#![expect(clippy::unwrap_used, reason = "a test may fail this way")]

use std::collections::BTreeSet;

use hawker_protocol::{http, object, reply};
use utoipa::ToSchema;

fn components<T: ToSchema>(out: &mut BTreeSet<String>) {
    let mut parts = Vec::new();
    T::schemas(&mut parts);
    assert!(parts.iter().any(|(name, _)| *name == T::name()), "{} is not in itself", T::name());
    for (name, part) in parts {
        let text = serde_json::to_string(&part).unwrap();
        assert!(text.len() > 15, "{name} is empty: {text}");
        out.insert(format!("{name} {text}"));
    }
}

#[test]
fn every_body_becomes_components_that_keep_bounds_choices_and_references() {
    let mut all = BTreeSet::new();
    components::<http::CreateShop>(&mut all);
    components::<http::CreateSale>(&mut all);
    components::<http::EventPage>(&mut all);
    components::<http::ErrorBody>(&mut all);
    components::<http::OrderDetail>(&mut all);
    components::<http::CancelOrder>(&mut all);
    components::<object::RoomSnapshot>(&mut all);
    components::<reply::Dashboard>(&mut all);
    components::<http::SendMessage>(&mut all);
    components::<http::RateQuery>(&mut all);
    components::<http::ListSessions>(&mut all);
    components::<object::PolicyChange>(&mut all);
    components::<reply::Transcript>(&mut all);
    components::<reply::ResponseRate>(&mut all);
    components::<reply::Team>(&mut all);
    components::<http::CreateCampaign>(&mut all);
    components::<http::CampaignDetail>(&mut all);
    components::<http::PushCampaign>(&mut all);
    components::<http::QuoteCart>(&mut all);
    components::<http::RefundOrder>(&mut all);
    components::<http::SetStacking>(&mut all);
    components::<http::CreateDraw>(&mut all);
    components::<http::DrawDetail>(&mut all);
    components::<http::Prizes>(&mut all);
    components::<object::RuleSpec>(&mut all);
    components::<reply::Quoted>(&mut all);
    components::<reply::Coupons>(&mut all);
    components::<reply::Campaigns>(&mut all);
    let text = all.into_iter().collect::<Vec<_>>().join("\n");
    for part in [
        "#/components/schemas/SaleSpec",
        r#""maxItems":50"#,
        r#""maxLength":200"#,
        r#""pattern":"^[A-Za-z0-9_-]{1,64}$""#,
        r#""enum":["sold_out_soft"]"#,
        r#""enum":["payment_pending"]"#,
        r#""maximum":9007199254740991"#,
        r#""sold_out""#,
        "all_rooms",
        r#""maxLength":4000"#,
        r#""maxProperties":50"#,
        r#""enum":["quick_reply"]"#,
        r#""requeue_unanswered""#,
        r#""enum":["best"]"#,
        r#""enum":["new_follower"]"#,
        r#""before_shipment""#,
        r#""maximum":10000"#,
    ] {
        assert!(text.contains(part), "{part} got lost in\n{text}");
    }
}
