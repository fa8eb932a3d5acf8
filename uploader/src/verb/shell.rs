//! `uploader completions` and `uploader man`: what shells and `man` know of the command line.

use std::io::{Write, stdout};

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use crate::args::Cli;
use crate::ending::Ending;

const NAME: &str = "uploader";

/// Prints a script that completes the command line.
pub(crate) fn completions(shell: Shell) -> Result<Ending> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), NAME, &mut script);
    stdout().write_all(&script)?;
    Ok(Ending::Good)
}

/// Prints the manual page of the program, or of a subcommand.
pub(crate) fn man(words: &[String]) -> Result<Ending> {
    let mut whole = Cli::command();
    // What all subcommands inherit.
    whole.build();
    let page = words.iter().try_fold(&whole, |command, word| {
        let found = command.find_subcommand(word).filter(|found| !found.is_hide_set());
        found.with_context(|| format!("no subcommand {word:?}; subcommands: {}", names(command)))
    })?;
    let name = [NAME].into_iter().chain(words.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    Man::new(page.clone().name(name)).render(&mut stdout())?;
    Ok(Ending::Good)
}

fn names(command: &Command) -> String {
    let names = command.get_subcommands().filter(|command| !command.is_hide_set()).map(Command::get_name);
    names.collect::<Vec<_>>().join(", ")
}
