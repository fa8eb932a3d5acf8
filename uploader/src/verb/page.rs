//! `uploader page`: the function's page on this machine, until Ctrl-C.

use std::io::{Write, stdout};
use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::TcpListener;

use crate::args::PageArgs;
use crate::ending::Ending;
use crate::notice::notice;
use crate::page::Page;
use crate::target::{Target, UrlTarget, check};

pub(crate) async fn run(args: PageArgs) -> Result<Ending> {
    let wanted = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(wanted).await.with_context(|| {
        format!("cannot listen on {} port {}; choose another with --port, or 0 for a free one", args.host, args.port)
    })?;
    let address = listener.local_addr()?;
    let target = UrlTarget::open(&args.target()).await?;
    check::health(&target, args.quiet).await?;
    if !args.host.is_loopback() {
        notice!("uploader: anyone who reaches {address} can use the function{}", as_you(&target));
    }
    let signing = as_you(&target);
    let base = target.base_url();
    let page = Page::open(target, args.host, args.timeout).await?;
    let mut out = stdout();
    // The first line is for programs: it says that the page is there, and where.
    writeln!(out, "http://{address}/")?;
    out.flush()?;
    // A program that has read its line may have closed the pipe: the rest is no reason to end.
    if !args.quiet {
        let _ = writeln!(out, "forwards to {base}{signing}\nPress Ctrl-C to stop.").and_then(|()| out.flush());
    }
    page.serve(listener).await
}

/// With whose rights requests are sent on.
fn as_you(target: &UrlTarget) -> String {
    let means = target.means();
    let credentials = means.iter().find(|(name, _)| *name == "credentials");
    credentials.map_or_else(String::new, |(_, source)| format!(", signed with credentials from {source}"))
}
