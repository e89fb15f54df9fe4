//! `hawker-load`: drives a server from outside and checks what it says. Owns the command line;
//! knows the protocol and nothing else of Hawker.

mod agenda;
mod api;
mod audience;
mod audit;
mod chance;
mod chaos;
mod claims;
mod clock;
mod coupons;
mod crowd;
mod desk;
mod fan_out;
mod feed;
mod flash_sale;
mod floor;
mod frame;
mod http;
mod idle;
mod limits;
mod line;
mod machine;
mod marker;
mod metrics;
mod nodes;
mod payments;
mod people;
mod reconnect;
mod redis;
mod report;
mod run;
mod schedule;
mod server;
mod slow;
mod socket;
mod stage;
mod subject;
mod talk;
mod talking;
mod tally;
mod token;
mod what;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use what::What;

#[derive(Debug, Parser)]
#[command(version, about = "Drives a Hawker server from outside and checks what it says")]
struct Arguments {
    #[command(flatten)]
    common: run::Common,
    #[command(subcommand)]
    what: What,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::say(&format!("hawker-load: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Whether every invariant held.
fn start(arguments: &Arguments) -> Result<bool> {
    if let What::Floor(options) = &arguments.what {
        return floor::serve(options).map(|()| true);
    }
    let half = (machine::cores() / 2).max(1);
    let threads = arguments.common.threads.unwrap_or(half);
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(threads).enable_all().build()?;
    runtime.block_on(arguments.what.run(&arguments.common))
}
