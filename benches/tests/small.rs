//! Every scenario of the program, small: that it runs to its end, loses nothing, and tells its figures. What the figures
//! are is not looked at here.

mod runs;

use runs::runs;

macro_rules! scenarios {
    ($($name:ident: $line:literal,)*) => {
        $(
            #[test]
            fn $name() {
                runs($line);
            }
        )*
    };
}

scenarios! {
    a_fan_out_over_websockets: "fanout --subscribers 20 --rounds 1 --secs 0.3",
    a_fan_out_over_event_streams: "fanout --transport sse --subscribers 20 --size 1024 --rounds 1 --secs 0.3",
    a_fan_out_of_the_limit_against_itself: "fanout --control --subscribers 20 --rounds 1 --secs 0.3",
    a_fan_out_without_lots: "fanout --subscribers 20 --rounds 1 --secs 0.3 --lots 0",
    a_fan_out_of_two_lots_on_two_threads: "fanout --subscribers 20 --rounds 1 --secs 0.3 --threads 2",
    a_burst_in_batches: "burst --subscribers 20 --rounds 1 --secs 0.3",
    a_burst_of_single_requests: "burst --batch 1 --pipeline 4 --subscribers 20 --rounds 1 --secs 0.3",
    a_burst_over_event_streams: "burst --transport sse --subscribers 20 --rounds 1 --secs 0.3",
    idle_websockets: "idle --connections 100 --secs 0.2",
    idle_event_streams: "idle --kind sse --connections 100 --secs 0.2",
    idle_polls: "idle --kind poll --connections 100 --secs 0.2",
    idle_connections_that_have_sent_nothing: "idle --kind silent --connections 100 --secs 0.2",
    idle_connections_between_two_requests: "idle --kind keepalive --connections 100 --secs 0.2",
    idle_pings: "idle --kind ping --connections 50 --mailboxes 5 --secs 0.2",
    idle_phones: "idle --kind eas --connections 50 --mailboxes 5 --secs 0.2",
    idle_phones_over_tls: "idle --kind eas --connections 50 --mailboxes 5 --secs 0.2 --tls",
    new_connections_over_websockets: "connect --rounds 1 --secs 0.3",
    new_connections_over_event_streams: "connect --transport sse --rounds 1 --secs 0.3",
    connections_that_come_and_go: "churn --total 600 --held 100",
    a_quiet_channel_beside_a_fan_out: "quiet --subscribers 50 --rate 10 --rounds 1 --secs 0.5",
    long_polls: "poll --pollers 20 --rounds 1 --secs 0.3",
    readers_that_stop: "slow --subscribers 40 --rounds 1 --secs 0.5",
    direct_push_over_maildirs: "ping --accounts 2 --rate 10 --linger 0 --rounds 1 --secs 0.5",
    direct_push_beside_parked_pings: "ping --accounts 2 --rate 10 --parked 20 --rounds 1 --secs 0.5",
    pings_woken_one_by_one: "wake --pings 30 --mailboxes 30 --changes 10 --linger 0 --rounds 1",
    pings_woken_all_together: "wake --pings 30 --mailboxes 1 --linger 0 --rounds 1",
    phones_woken_one_by_one: "wake --kind eas --pings 30 --mailboxes 30 --changes 10 --linger 0 --rounds 1",
}
