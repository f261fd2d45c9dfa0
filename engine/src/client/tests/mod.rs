mod start;
mod watch;
