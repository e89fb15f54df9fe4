//! Chance that can be repeated: one seed, one run. Owns the generator and the shapes people's
//! behaviour has; knows nothing of what is drawn for.

/// SplitMix64: small, fast, and good enough to spread people over time.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A generator of its own for one of many, so that adding people does not change the others.
    pub(crate) fn branch(seed: u64, number: u64) -> Self {
        let mut chance = Self::new(seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93));
        chance.next();
        chance
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, never reaching, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn within(&mut self, from: f64, to: f64) -> f64 {
        from + self.unit() * (to - from)
    }

    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.unit() * count as f64) as usize
    }

    pub(crate) fn happens(&mut self, share: f64) -> bool {
        self.unit() < share
    }

    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// Half of what is drawn is below `median`; `spread` is the deviation of its logarithm.
    pub(crate) fn lognormal(&mut self, median: f64, spread: f64) -> f64 {
        let (radius, turn) = ((-2.0 * (1.0 - self.unit()).ln()).sqrt(), self.unit());
        median * (spread * radius * (std::f64::consts::TAU * turn).cos()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_run_and_people_differ() {
        let draw = |number| Chance::branch(7, number).next();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_lognormal_has_its_median_and_its_tail() {
        let mut chance = Chance::new(2);
        let drawn: Vec<f64> = (0..20_000).map(|_| chance.lognormal(3.0, 1.0)).collect();
        let share = |most: f64| drawn.iter().filter(|it| **it < most).count() as f64 / 20_000.0;
        assert!((share(3.0) - 0.5).abs() < 0.01);
        assert!((share(3.0 * std::f64::consts::E) - 0.841).abs() < 0.01);
    }

    #[test]
    fn an_exponential_has_its_mean() {
        let mut chance = Chance::new(1);
        let sum: f64 = (0..20_000).map(|_| chance.exponential(240.0)).sum();
        assert!((sum / 20_000.0 - 240.0).abs() < 6.0, "{}", sum / 20_000.0);
    }
}
