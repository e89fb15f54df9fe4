//! The files of the repository as a clean clone has them, and what a check found in one. Reads
//! only; never looks into build output, data or installed packages.

use std::fmt;
use std::path::{Path, PathBuf};

/// Folders that are built or installed, not written.
const MADE: &[&str] = &["target", "node_modules", "data", "dist"];

#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) say: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.say)
    }
}

impl File {
    #[cfg(test)]
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    pub(crate) fn is(&self, ending: &str) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, found)| found == ending)
    }

    /// Tables of expected bytes and generated types: their size says nothing about their design.
    pub(crate) fn is_table(&self) -> bool {
        self.path.contains("golden") || self.path.contains("gen.ts")
    }

    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs")
    }

    pub(crate) fn at(&self, line: usize, say: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, say: say.into() }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// `HAWKER_TIDY_ROOT` points the checks at another work tree.
pub(crate) fn root() -> PathBuf {
    let own = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    std::env::var_os("HAWKER_TIDY_ROOT").map_or_else(own, PathBuf::from)
}

/// Every text file under `root`, sorted by path.
pub(crate) fn read(root: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).expect("a folder of the repository opens");
        for entry in entries {
            let path = entry.expect("a folder of the repository lists").path();
            match path.is_dir() {
                true if is_ours(&path) => folders.push(path),
                true => {}
                // In a linked work tree `.git` is a file that names a folder of this machine.
                false if path.ends_with(".git") => {}
                false => files.extend(text_file(root, &path)),
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn is_ours(folder: &Path) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    !MADE.contains(&&*name) && (!name.starts_with('.') || name == ".ci")
}

fn text_file(root: &Path, path: &Path) -> Option<File> {
    let text = std::fs::read_to_string(path).ok()?;
    let path = path.strip_prefix(root).ok()?.to_string_lossy().replace('\\', "/");
    Some(File { path, text })
}
