//! The same buyer among several nodes: when his connection ends or says nothing any more he goes
//! on at the next node, and asks there again, under the same id, what was not answered.

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};

use super::Buyer;
use crate::talk::{Heard, Talk};

/// Between two commands of one buyer. Many nodes die in the same shop: its units must last.
const THINK_MS: f64 = 25.0;
/// One in three waits for a silent node this long, so that somebody hears what it says when it
/// wakes after its time.
const PATIENT: Duration = Duration::from_secs(20);
const RESTLESS: Duration = Duration::from_secs(1);
const CONNECT: Duration = Duration::from_secs(1);
/// Before the next node is tried.
const PAUSE: Duration = Duration::from_millis(20);
/// Questions he has open, at most: past that he waits for an answer.
const OPEN_MAX: usize = 16;
/// All that was asked has an answer this long after the last fault.
const SETTLED: Duration = Duration::from_secs(30);

impl Buyer {
    /// Buys until it is over and everything he asked for is answered.
    pub(in crate::chaos) async fn roam(mut self, mut over: watch::Receiver<bool>) -> Result<Self> {
        let mut settled_by = None;
        loop {
            let ended = self.visit(&mut over).await;
            if ended.is_ok() {
                return Ok(self);
            }
            if *over.borrow() {
                let by = *settled_by.get_or_insert_with(|| Instant::now() + SETTLED);
                if Instant::now() > by {
                    return Ok(self);
                }
            }
            self.node += 1;
            sleep(PAUSE).await;
        }
    }

    /// On one node, until it sends him away. `Ok`: nothing is left to do.
    async fn visit(&mut self, over: &mut watch::Receiver<bool>) -> Result<()> {
        let mut talk = timeout(CONNECT, self.connect()).await??;
        for request in std::mem::take(&mut self.unanswered) {
            self.repeated.extend(request.command_id().cloned());
            talk.ask(request, Instant::now(), ());
        }
        let left = self.stay(&mut talk, over).await;
        let open = talk.into_unanswered().into_iter().map(|asked| asked.request);
        self.unanswered.extend(open.filter(|request| request.command_id().is_some()));
        left
    }

    async fn stay(&mut self, talk: &mut Talk<()>, over: &mut watch::Receiver<bool>) -> Result<()> {
        let patience = if self.user.ends_with(['0', '3', '6']) { PATIENT } else { RESTLESS };
        let (mut text, mut next, mut heard_at) = (String::new(), Instant::now(), Instant::now());
        loop {
            let is_over = *over.borrow_and_update();
            if is_over && talk.is_idle() {
                return Ok(());
            }
            let again = talk.next_again();
            let is_silent = heard_at + patience;
            tokio::select! {
                biased;
                filled = talk.socket.fill() => {
                    filled?;
                    heard_at = Instant::now();
                }
                () = sleep_until(is_silent), if talk.waiting() > 0 => bail!("a node fell silent"),
                () = sleep_until(again.unwrap_or(next)), if again.is_some() => {
                    talk.send_again(Instant::now());
                }
                () = sleep_until(next), if !is_over && talk.waiting() < OPEN_MAX => {
                    if talk.is_idle() {
                        heard_at = Instant::now();
                    }
                    talk.ask(self.choose()?, next, ());
                    let think_ms = self.chance.exponential(THINK_MS);
                    next = next.max(Instant::now()) + Duration::from_secs_f64(think_ms / 1_000.0);
                }
                changed = over.changed() => changed?,
            }
            while talk.socket.next(&mut text)? {
                for line in text.lines() {
                    self.on_line(talk, line)?;
                }
            }
        }
    }

    /// A node that goes away is left at once: whoever waits for his turn is cut off in the end.
    fn on_line(&mut self, talk: &mut Talk<()>, line: &str) -> Result<()> {
        let heard = talk.hear(line)?;
        let is_leaving = match &heard {
            Heard::Push { kind, .. } => kind == "drain",
            Heard::NotYet { code } => *code == "draining",
            Heard::Yes { .. } | Heard::No { .. } => false,
        };
        self.on_heard(heard)?;
        if is_leaving {
            bail!("the node goes away");
        }
        Ok(())
    }
}
