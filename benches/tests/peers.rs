//! Every peer, small: that each starts with its configuration, speaks what the client speaks, and delivers everything. They
//! have to be installed, so these tests stand by themselves.

mod runs;

use runs::runs;

macro_rules! peers {
    ($($name:ident: $peer:literal,)*) => {
        $(
            #[test]
            fn $name() {
                runs(concat!(
                    "peers --require --subscribers 20 --idle 20 --rest 0.2 --rounds 1 --secs 0.3 --peers ",
                    $peer,
                ));
            }
        )*
    };
}

peers! {
    push_itself_delivers_everything: "push,portable",
    nchan_delivers_everything: "nchan",
    redis_delivers_everything: "redis",
    nats_delivers_everything: "nats",
    servers_of_node_deliver_everything: "ws,socket.io",
    naive_axum_and_socketioxide_deliver_everything: "axum,axum-split,socketioxide,portable",
}
