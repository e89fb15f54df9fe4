//! The arithmetic of prices: percent, allocation over lines, the split over units. Owns every
//! rounding; knows no layer.

use std::cmp::Reverse;

use crate::money::Minor;

/// All of it, in basis points.
pub(super) const WHOLE_BPS: u32 = 10_000;

/// So many basis points of `base`, rounded down.
pub fn percent(base: Minor, bps: u32) -> Minor {
    let product = u128::from(base.0) * u128::from(bps);
    Minor(u64::try_from(product / u128::from(WHOLE_BPS)).unwrap_or(u64::MAX))
}

/// What of a fee of `bps` on `paid` goes back with a refund of `refunded`. All refunds together
/// give back the whole fee.
pub fn returned_fee(paid: Minor, refunded: Minor, bps: u32) -> Minor {
    percent(paid, bps).less(percent(paid.less(refunded), bps))
}

/// `amount` over the lines by their weights, largest remainder first, ties to the lower index.
/// No share is above its weight as long as `amount` is not above their sum.
pub(super) fn allocate(amount: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let product = |weight: u64| u128::from(amount) * u128::from(weight);
    let floor = |weight: &u64| u64::try_from(product(*weight) / sum).unwrap_or(u64::MAX);
    let mut shares: Vec<u64> = weights.iter().map(floor).collect();
    let left = amount.saturating_sub(shares.iter().sum());
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|index| (Reverse(product(weights[*index]) % sum), *index));
    for (index, _) in order.into_iter().zip(0..left) {
        shares[index] += 1;
    }
    shares
}

/// `share` over the units of a line by cumulative floor, each unit within its room. What does not
/// fit a unit goes to the first that has room; `room` shrinks by what each unit got.
pub(super) fn split(share: u64, room: &mut [u64]) -> Vec<u64> {
    let units = u128::from(u64::try_from(room.len()).unwrap_or(u64::MAX));
    let up_to =
        |unit: u128| u64::try_from(u128::from(share) * unit / units.max(1)).unwrap_or(u64::MAX);
    let mut parts = Vec::with_capacity(room.len());
    let mut left = 0;
    for (unit, free) in (0u128..).zip(room.iter_mut()) {
        let wanted = up_to(unit + 1) - up_to(unit);
        let taken = wanted.min(*free);
        *free -= taken;
        left += wanted - taken;
        parts.push(taken);
    }
    for (part, free) in parts.iter_mut().zip(room.iter_mut()) {
        let taken = left.min(*free);
        *part += taken;
        *free -= taken;
        left -= taken;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_ties_go_to_the_lower_line() {
        assert_eq!(allocate(1_000, &[10_000; 3]), [334, 333, 333]);
        assert_eq!(allocate(200, &[500; 3]), [67, 67, 66]);
        assert_eq!(allocate(149, &[333; 3]), [50, 50, 49]);
        assert_eq!(allocate(1_000, &[1, 1, 9_998]), [0, 0, 1_000]);
        assert_eq!(allocate(0, &[1, 2]), [0, 0]);
        assert_eq!(allocate(0, &[0, 0]), [0, 0]);
    }

    #[test]
    fn units_take_their_part_by_cumulative_floor() {
        assert_eq!(split(1_562, &mut [4_491; 3]), [520, 521, 521]);
        assert_eq!(split(781, &mut [3_000; 3]), [260, 260, 261]);
    }

    #[test]
    fn no_unit_gives_more_than_it_has() {
        let mut room = [1, 1];
        assert_eq!(split(1, &mut room), [0, 1]);
        assert_eq!(split(1, &mut room), [1, 0], "the second unit has nothing left");
        assert_eq!(room, [0, 0]);
    }

    #[test]
    fn percent_rounds_down_once_and_refunds_return_the_whole_fee() {
        assert_eq!(percent(Minor(22_871), 800), Minor(1_829));
        assert_eq!(percent(Minor(999), 1_500), Minor(149));
        let thirds = [Minor(333), Minor(333), Minor(334)];
        let mut paid = Minor(1_000);
        let mut returned = Minor(0);
        for refunded in thirds {
            returned = returned.plus(returned_fee(paid, refunded, 777));
            paid = paid.less(refunded);
        }
        assert_eq!(returned, percent(Minor(1_000), 777));
    }
}
