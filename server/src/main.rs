//! The binary `hawker`: reads the command line and hands over.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use hawker_server::app::{self, draw_tool, journal_tool};
use hawker_server::cli::{self, Cli, Command};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command = Cli::parse().command;
    // Not locked: a server logs there, from all of its threads.
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let done = match &command {
        Command::Serve(serve) => app::serve(serve),
        Command::Config(command) => cli::run_config(command, &mut out, &mut err),
        Command::Token(command) => cli::run_token(command, &mut io::stdin(), &mut out, &mut err),
        Command::Journal(command) => journal_tool::run(command, &mut out, &mut err),
        Command::Draw(command) => draw_tool::run(command, &mut out),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
