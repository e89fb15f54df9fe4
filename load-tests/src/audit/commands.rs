//! Commands beside what was acknowledged: a yes happened exactly once, a no never did, and what
//! stayed without an answer happened at most once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Violations;

/// What a socket was told of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// Carried out; what it made, where it made something.
    Yes {
        made: Option<String>,
    },
    /// Yes, but nothing had to change.
    Already,
    No {
        code: String,
    },
}

/// Everything the sockets of a run were told.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    told: HashMap<(String, String), Told>,
    conflicts: Violations,
}

/// What the feed says was carried out.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    done: HashMap<(String, String), Done>,
    /// Entries of commands that stand in an earlier entry already.
    pub(crate) doubled: u64,
}

#[derive(Debug)]
struct Done {
    version: u64,
    made: Option<String>,
}

fn key(user: &str, command: &str) -> (String, String) {
    (user.to_owned(), command.to_owned())
}

impl Acks {
    pub(crate) fn len(&self) -> usize {
        self.told.len()
    }

    /// The command was accepted. Told twice, it must have been the same both times.
    pub(crate) fn accepted(&mut self, user: &str, command: &str, made: Option<&str>) {
        let yes = Told::Yes { made: made.map(str::to_owned) };
        match self.told.entry(key(user, command)) {
            Entry::Vacant(place) => drop(place.insert(yes)),
            Entry::Occupied(mut place) => {
                let before = place.insert(yes.clone());
                let same = before == yes || matches!(before, Told::No { .. });
                if !same {
                    let say = || format!("{command}: first {before:?}, then {yes:?}");
                    self.conflicts.add(say);
                }
            }
        }
    }

    /// The command was accepted and changed nothing: the buyer had it already.
    pub(crate) fn already(&mut self, user: &str, command: &str) {
        self.told.insert(key(user, command), Told::Already);
    }

    /// The command was refused for good.
    pub(crate) fn refused(&mut self, user: &str, command: &str, code: &str) {
        let place = self.told.entry(key(user, command));
        if let Entry::Occupied(told) = &place
            && let Told::Yes { .. } = told.get()
        {
            let before = told.get().clone();
            return self.conflicts.add(|| format!("{command}: first {before:?}, then {code}"));
        }
        place.insert_entry(Told::No { code: code.to_owned() });
    }

    /// Commands that were accepted and are not in the feed.
    pub(crate) fn lost(&self, commands: &Commands) -> u64 {
        let lost = |(key, told): &(&(String, String), &Told)| {
            matches!(told, Told::Yes { .. }) && !commands.done.contains_key(*key)
        };
        self.told.iter().filter(lost).count() as u64
    }

    pub(crate) fn compare(&self, commands: &Commands) -> Violations {
        let mut found = self.conflicts.clone();
        for (key, told) in &self.told {
            let (user, command) = key;
            match (told, commands.done.get(key)) {
                (Told::Yes { .. }, None) => {
                    found
                        .add(|| format!("{command} of {user} was accepted and is not in the feed"));
                }
                (Told::No { code }, Some(done)) => {
                    let version = done.version;
                    found.add(|| format!("{command} of {user}: refused {code}, done at {version}"));
                }
                (Told::Yes { made: Some(told) }, Some(done))
                    if done.made.as_ref() != Some(told) =>
                {
                    let made = &done.made;
                    found.add(|| format!("{command} of {user}: told {told}, the feed {made:?}"));
                }
                (Told::Yes { .. }, Some(_)) | (Told::Already, _) | (Told::No { .. }, None) => {}
            }
        }
        found
    }
}

impl Commands {
    pub(crate) fn len(&self) -> usize {
        self.done.len()
    }

    pub(crate) fn has(&self, user: &str, command: &str) -> bool {
        self.done.contains_key(&key(user, command))
    }

    /// Several events of one command stand in one entry; in two entries it was done twice.
    pub(crate) fn on_event(
        &mut self,
        user: &str,
        command: &str,
        version: u64,
        violations: &mut Violations,
    ) {
        match self.done.entry(key(user, command)) {
            Entry::Vacant(place) => drop(place.insert(Done { version, made: None })),
            Entry::Occupied(place) => {
                let first = place.get().version;
                if first != version {
                    self.doubled += 1;
                    let say =
                        || format!("{command} of {user} was done twice: at {first} and {version}");
                    violations.add(say);
                }
            }
        }
    }

    pub(crate) fn made(&mut self, user: &str, command: &str, made: &str) {
        if let Some(done) = self.done.get_mut(&key(user, command)) {
            done.made = Some(made.to_owned());
        }
    }
}
