//! Whether a price that a buyer is shown adds up. Owns the sums of the wire's form; which discounts
//! apply is the server's business.

use hawker_protocol::object::{Layer, Quote};

fn sum(amounts: impl Iterator<Item = u64>) -> u64 {
    amounts.sum()
}

/// Everything that does not add up, as sentences.
pub(super) fn faults(quote: &Quote) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: &str, said: u64, counted: u64| {
        if said != counted {
            wrong.push(format!("{what} is {said}, its parts make {counted}"));
        }
    };
    let listed = |line: &hawker_protocol::object::QuoteLine| {
        u64::from(line.quantity) * line.list_price_minor.0
    };
    for line in &quote.lines {
        let off = sum(line.parts.iter().map(|part| part.amount_minor.0));
        check(line.sku.as_str(), line.payable_minor.0 + off, listed(line));
    }
    let goods = sum(quote.lines.iter().map(|line| line.payable_minor.0));
    check("the goods", quote.goods_minor.0, goods);
    check("the list price", quote.list_minor.0, sum(quote.lines.iter().map(listed)));
    let shares = quote.goods_minor.0 + quote.seller_minor.0 + quote.platform_minor.0;
    check("the list price by who bears it", quote.list_minor.0, shares);
    let off = quote.shipping_off.as_ref().map_or(0, |part| part.amount_minor.0);
    check("the shipping", quote.shipping_minor.0 + off, quote.shipping_fee_minor.0);
    check("the total", quote.total_minor.0, goods + quote.shipping_minor.0);
    for used in &quote.coupons {
        let parts = quote.lines.iter().flat_map(|line| &line.parts);
        let of_layer = parts.filter(|part| part.layer == used.layer);
        let counted = match used.layer {
            Layer::Shipping => off,
            Layer::ItemPrice | Layer::ItemSubsidy | Layer::SellerCoupon | Layer::PlatformCoupon => {
                sum(of_layer.map(|part| part.amount_minor.0))
            }
        };
        check(&format!("coupon {}", used.coupon), used.amount_minor.0, counted);
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote() -> Quote {
        let because = serde_json::json!({"kind": "coupon", "campaign": "plain", "coupon": "k1"});
        let part = |layer: &str, amount: u64| {
            serde_json::json!({"layer": layer, "because": because, "funder": "seller",
                               "amount_minor": amount})
        };
        let quote = serde_json::json!({
            "currency": "USD", "stacking_version": 1, "shipping_fee_minor": 599,
            "shipping_off": part("shipping", 500), "shipping_minor": 99,
            "lines": [
                {"sku": "mug", "quantity": 2, "list_price_minor": 1_000, "unit_price_minor": 1_000,
                 "subsidised": 0, "parts": [part("seller_coupon", 400)], "payable_minor": 1_600},
                {"sku": "lamp", "quantity": 1, "list_price_minor": 500, "unit_price_minor": 500,
                 "subsidised": 0, "parts": [part("seller_coupon", 100)], "payable_minor": 400},
            ],
            "coupons": [
                {"coupon": "k1", "campaign": "plain", "layer": "seller_coupon",
                 "funder": "seller", "amount_minor": 500},
                {"coupon": "k2", "campaign": "ship", "layer": "shipping", "funder": "seller",
                 "amount_minor": 500},
            ],
            "list_minor": 2_500, "goods_minor": 2_000, "seller_minor": 500, "platform_minor": 0,
            "total_minor": 2_099,
        });
        serde_json::from_value(quote).unwrap()
    }

    #[test]
    fn a_price_that_adds_up_has_no_fault_and_every_sum_is_looked_at() {
        assert_eq!(faults(&quote()), Vec::<String>::new());
        type Spoil = fn(&mut Quote);
        let spoilt: [(Spoil, &str); 6] = [
            (|quote| quote.total_minor.0 += 1, "the total"),
            (|quote| quote.goods_minor.0 -= 1, "the goods"),
            (|quote| quote.lines[0].payable_minor.0 -= 1, "mug"),
            (|quote| quote.platform_minor.0 += 1, "by who bears it"),
            (|quote| quote.shipping_minor.0 += 1, "the shipping"),
            (|quote| quote.coupons[0].amount_minor.0 += 1, "coupon k1"),
        ];
        for (spoil, part) in spoilt {
            let mut quote = quote();
            spoil(&mut quote);
            let found = faults(&quote);
            assert!(found.iter().any(|said| said.contains(part)), "{part}: {found:?}");
        }
    }
}
