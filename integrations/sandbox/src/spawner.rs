//! The one thread that starts children.
//!
//! `PR_SET_PDEATHSIG`, on which "the sandbox dies with its worker" rests, speaks of the *thread* that started the
//! child. The threads of an async runtime come and go, and each would take its children along.
//! So a thread that lives as long as the process starts all of them.

use std::{
    io,
    sync::{OnceLock, mpsc},
};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::oneshot,
};

struct Order {
    command: Command,
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Child>>,
}

pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();

    let orders = ORDERS.get_or_init(|| {
        let (orders, inbox) = mpsc::channel::<Order>();
        // Without the thread the channel is closed, which the caller below meets as an error.
        let _ = std::thread::Builder::new().name("sandbox-spawner".into()).spawn(move || serve(&inbox));
        orders
    });
    let (reply, answer) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts children is gone");
    orders.send(Order { command, runtime: Handle::current(), reply }).map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?
}

fn serve(inbox: &mpsc::Receiver<Order>) {
    for mut order in inbox {
        let _runtime = order.runtime.enter();
        // A caller that has gone drops the child, which is killed by that.
        let _ = order.reply.send(order.command.spawn());
    }
}
