//! `hawker draw verify`: computes a lucky draw again from what it has published. Needs no server,
//! no shop and no secret; changes nothing.

use std::fs;
use std::io::{Read as _, Write};
use std::path::Path;

use anyhow::{Context as _, bail};
use hawker_domain::command::Seed;
use hawker_domain::id::UserId;
use hawker_domain::shop::lot;
use hawker_protocol::Id;
use hawker_protocol::http::DrawDetail;
use hawker_protocol::object::PrizeState;

use crate::cli::DrawCommand;

/// Carries out one of the commands about draws.
pub fn run(command: &DrawCommand, out: &mut dyn Write) -> anyhow::Result<()> {
    match command {
        DrawCommand::Verify { file } => verify(file, out),
    }
}

fn verify(file: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let said = text_of(file)?;
    let detail: DrawDetail = serde_json::from_str(&said)
        .with_context(|| format!("{} is not the answer about a draw", file.display()))?;
    let checked = Checked::of(&detail)?;
    for line in &checked.lines {
        writeln!(out, "{line}")?;
    }
    match checked.differences.as_slice() {
        [] => writeln!(out, "verified: draw {}", detail.draw.draw.as_str())?,
        differences => {
            for difference in differences {
                writeln!(out, "differs: {difference}")?;
            }
            bail!("draw {} is not what its seed gives", detail.draw.draw.as_str());
        }
    }
    Ok(())
}

/// A file, or what comes in where its name is `-`.
fn text_of(file: &Path) -> anyhow::Result<String> {
    if file != Path::new("-") {
        return fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    }
    let mut said = String::new();
    std::io::stdin().read_to_string(&mut said).context("nothing on standard input")?;
    Ok(said)
}

/// What was computed again, and where the draw says something else.
#[derive(Debug, Default)]
struct Checked {
    lines: Vec<String>,
    differences: Vec<String>,
}

impl Checked {
    fn of(detail: &DrawDetail) -> anyhow::Result<Self> {
        let Some(published) = &detail.draw.seed else {
            bail!("the seed is not revealed yet: ask again once the draw has its winners");
        };
        let seed = lot::seed_from_hex(published).context("the seed is not 64 digits of hex")?;
        let mut checked = Self::default();
        checked.promise(detail, &seed);
        checked.entrants(&detail.eligible);
        let order = lot::ranked(&seed, &users(&detail.eligible));
        checked.passed_over(detail, &order);
        checked.winners(detail, &order);
        Ok(checked)
    }

    fn promise(&mut self, detail: &DrawDetail, seed: &Seed) {
        let (hash, promised) = (lot::seed_hash(seed), &detail.draw.seed_hash);
        match hash == *promised {
            true => self.lines.push(format!("the seed has the promised hash {hash}")),
            false => {
                self.differences.push(format!("the seed's hash is {hash}, promised was {promised}"))
            }
        }
    }

    fn entrants(&mut self, eligible: &[Id]) {
        let in_order = eligible.windows(2).all(|pair| pair[0].as_str() < pair[1].as_str());
        match in_order {
            true => self.lines.push(format!("{} entrants, sorted, each once", eligible.len())),
            false => self.differences.push("the entrants are not sorted, or named twice".into()),
        }
    }

    /// Who won too recently cannot be seen from one draw: that they entered can.
    fn passed_over(&mut self, detail: &DrawDetail, order: &[UserId]) {
        for buyer in users(&detail.passed_over) {
            if !order.contains(&buyer) {
                self.differences.push(format!("{buyer} was passed over without having entered"));
            }
        }
        let count = detail.passed_over.len();
        if count > 0 {
            self.lines.push(format!("{count} passed over, for what they won elsewhere"));
        }
    }

    fn winners(&mut self, detail: &DrawDetail, order: &[UserId]) {
        let passed = users(&detail.passed_over);
        let order: Vec<&UserId> = order.iter().filter(|buyer| !passed.contains(buyer)).collect();
        let won: Vec<Id> = detail.draw.winners.iter().map(|it| it.buyer.clone()).collect();
        let won = users(&won);
        let drawn = order.len().min(detail.draw.winners_max as usize);
        for (place, expected) in order.iter().take(drawn).enumerate() {
            match won.get(place) {
                Some(winner) if winner == *expected => {
                    self.lines.push(format!("winner {}: {winner}", place + 1));
                }
                Some(winner) => self
                    .differences
                    .push(format!("winner {} is {winner}, the seed gives {expected}", place + 1)),
                None => self.differences.push(format!("winner {expected} is missing")),
            }
        }
        self.passed_on(detail, &won[drawn.min(won.len())..], &order[drawn..]);
    }

    /// A prize that was left goes down the order; whoever won elsewhere meanwhile is left out.
    fn passed_on(&mut self, detail: &DrawDetail, later: &[UserId], rest: &[&UserId]) {
        let winners = detail.draw.winners.iter();
        let lost = winners.filter(|it| it.prize == PrizeState::Forfeited).count();
        if later.len() > lost {
            let count = later.len();
            self.differences.push(format!("{count} later winners for {lost} prizes left"));
        }
        let mut rest = rest.iter();
        for buyer in later {
            match rest.any(|next| *next == buyer) {
                true => self.lines.push(format!("next in order: {buyer}")),
                false => self.differences.push(format!("{buyer} was not the next in order")),
            }
        }
    }
}

fn users(ids: &[Id]) -> Vec<UserId> {
    ids.iter().map(|id| UserId::checked(id.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A draw of three among whom `lot`'s own test knows the order: cat, bob, ann.
    const DRAW: &str = include_str!("draw_tool/draw.json");

    fn run_on(said: &str) -> (bool, String) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), said).unwrap();
        let mut out = Vec::new();
        let command = DrawCommand::Verify { file: file.path().to_owned() };
        let done = run(&command, &mut out);
        let said = done.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
        (done.is_ok(), String::from_utf8(out).unwrap() + &said)
    }

    fn changed(from: &str, to: &str) -> (bool, String) {
        assert!(DRAW.contains(from), "{from}");
        run_on(&DRAW.replacen(from, to, 1))
    }

    #[test]
    fn a_draw_that_went_by_its_seed_is_verified() {
        let (verified, said) = run_on(DRAW);
        assert!(verified, "{said}");
        assert!(said.contains("winner 1: cat") && said.ends_with("verified: draw d1\n"), "{said}");
    }

    #[test]
    fn whatever_was_changed_afterwards_is_named() {
        let hash = "\"seed_hash\": \"4";
        let cases = [
            (hash, "\"seed_hash\": \"5", "promised was 5"),
            ("\"ann\",", "\"ann\", \"ann\",", "not sorted, or named twice"),
            ("\"buyer\": \"cat\"", "\"buyer\": \"bob\"", "winner 1 is bob, the seed gives cat"),
            ("\"winners_max\": 1", "\"winners_max\": 2", "winner bob is missing"),
            ("\"passed_over\": []", "\"passed_over\": [\"cat\"]", "the seed gives bob"),
            ("\"passed_over\": []", "\"passed_over\": [\"eve\"]", "without having entered"),
            ("\"eligible\": [", "\"eligible\": [\"aaa\",", "the seed gives"),
        ];
        for (from, to, named) in cases {
            let (verified, said) = changed(from, to);
            assert!(!verified && said.contains(named), "{to}: {said}");
        }
    }

    #[test]
    fn a_prize_that_was_left_goes_down_the_order() {
        let cat = "{ \"buyer\": \"cat\", \"prize\": { \"kind\": \"claimed\" } }";
        let left = "{ \"buyer\": \"cat\", \"prize\": { \"kind\": \"forfeited\" } }";
        let next = |name: &str| {
            format!("{left}, {{ \"buyer\": \"{name}\", \"prize\": {{ \"kind\": \"claimed\" }} }}")
        };
        assert!(changed(cat, &next("bob")).0);
        // Bob may have won elsewhere meanwhile.
        assert!(changed(cat, &next("ann")).0);
        let (verified, said) = changed(cat, &next("eve"));
        assert!(!verified && said.contains("eve was not the next in order"), "{said}");
        let (verified, said) = changed(cat, &next("bob").replace("forfeited", "claimed"));
        assert!(!verified && said.contains("1 later winners for 0 prizes left"), "{said}");
    }

    #[test]
    fn what_cannot_be_checked_is_said() {
        let (verified, said) = changed("\"seed\": \"07", "\"unseen\": \"07");
        assert!(!verified && said.contains("not revealed yet"), "{said}");
        let (verified, said) = changed("\"seed\": \"07", "\"seed\": \"zz");
        assert!(!verified && said.contains("64 digits of hex"), "{said}");
        let (verified, said) = run_on("{}");
        assert!(!verified && said.contains("is not the answer about a draw"), "{said}");
        let mut out = Vec::new();
        let nowhere = DrawCommand::Verify { file: "/nowhere/draw.json".into() };
        assert!(run(&nowhere, &mut out).unwrap_err().to_string().contains("/nowhere/draw.json"));
    }
}
