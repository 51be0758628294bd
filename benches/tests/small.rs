//! Every scenario of the program, small: that it runs to its end, loses nothing, and tells its figures. What the figures
//! are is not looked at here.

mod runs;

use runs::{program, runs};

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
    a_fan_out_of_both_transports_two_counts_and_two_sizes:
        "fanout --subscribers 10,20 --size 100,16384 --rounds 1 --secs 0.2",
    a_fan_out_of_the_limit_against_itself: "fanout --control --subscribers 20 --size 100 --rounds 1 --secs 0.2",
    a_fan_out_without_lots: "fanout --subscribers 20 --size 100 --rounds 1 --secs 0.2 --lots 0",
    a_fan_out_of_two_lots_on_two_threads: "fanout --subscribers 20 --size 100 --rounds 1 --secs 0.2 --threads 2",
    a_burst_in_batches_and_of_single_requests: "burst --batch 50,1 --subscribers 20 --rounds 1 --secs 0.3",
    a_burst_of_requests_under_way: "burst --batch 1 --pipeline 4 --subscribers 20 --rounds 1 --secs 0.3",
    a_burst_over_event_streams: "burst --transport sse --batch 50 --subscribers 20 --rounds 1 --secs 0.3",
    idle_connections_of_every_kind_in_lots: "idle --kind ws,sse,poll,silent,keepalive --connections 50 --secs 0.1",
    idle_connections_of_every_kind_with_a_task_each:
        "idle --kind ws,sse,poll,silent,keepalive --path portable --connections 50 --secs 0.1",
    idle_connections_of_every_kind_over_tls: "idle --kind ws,sse,poll,silent,keepalive --path tls --connections 50 --secs 0.1",
    idle_pings_and_phones: "idle --kind ping,eas --connections 50 --mailboxes 5 --secs 0.1",
    idle_phones_over_tls: "idle --kind eas --connections 50 --mailboxes 5 --secs 0.1 --tls",
    idle_connections_opened_and_closed_twice: "idle --connections 50 --cycles 2 --secs 0.1",
    new_connections_over_websockets: "connect --rounds 1 --secs 0.3",
    new_connections_over_event_streams: "connect --transport sse --rounds 1 --secs 0.3",
    new_connections_to_the_limit_and_the_limit: "connect --control --rounds 1 --secs 0.3",
    connections_that_come_and_go: "churn --total 600 --held 100",
    a_storm_of_those_who_come_back: "storm --subscribers 60 --rounds 1 --secs 0.3",
    a_storm_of_those_who_stayed_away: "storm --subscribers 60 --percent 50 --away 200 --rounds 2 --secs 0.2",
    several_servers_side_by_side: "nodes --connections 60 --nodes 2 --rounds 2",
    many_channels_of_one_by_single_requests: "chat --channels 20 --rounds 1 --secs 0.3",
    many_channels_of_two_in_batches: "chat --channels 20 --each 2 --publish batch --rounds 1 --secs 0.3",
    many_channels_published_over_websockets: "chat --channels 20 --publish ws --rounds 1 --secs 0.3",
    many_channels_of_event_streams: "chat --transport sse --channels 20 --rounds 1 --secs 0.3",
    many_channels_under_one_pattern: "pattern --channels 50 --subscribers 5 --rounds 1 --secs 0.3",
    many_channels_under_one_pattern_in_batches_ahead:
        "pattern --channels 50 --subscribers 5 --publish batch --ahead --rounds 1 --secs 0.3",
    some_channels_of_many_by_their_names: "pattern --channels 50 --subscribers 5 --named 10 --rounds 1 --secs 0.3",
    publications_beside_a_server_that_does_nothing: "publish --rounds 1 --secs 0.3",
    publications_to_those_who_subscribe: "publish --subscribers 2 --publishers 2 --rounds 1 --secs 0.3",
    a_quiet_channel_beside_a_fan_out: "quiet --subscribers 50 --rate 10 --rounds 1 --secs 0.5",
    latency_at_a_share_of_what_can_be_delivered: "latency --subscribers 50 --rounds 1 --secs 0.5",
    long_polls: "poll --pollers 20 --rounds 1 --secs 0.3",
    readers_that_stop: "slow --subscribers 100 --rounds 1 --secs 0.5",
    readers_that_stop_at_full_speed: "slow --full-speed --subscribers 40 --rounds 1 --secs 0.5",
    half_of_capacity_for_long: "soak --minutes 0.1 --subscribers 40 --passing 20 --churn 20 --each 1 --size 16384",
    direct_push_over_maildirs: "ping --accounts 2 --rate 10 --linger 0 --rounds 1 --secs 0.5",
    direct_push_beside_parked_pings: "ping --accounts 2 --rate 10 --parked 20 --rounds 1 --secs 0.5",
    pings_woken_one_by_one: "wake --pings 30 --mailboxes 30 --changes 10 --linger 0 --rounds 1",
    pings_woken_all_together: "wake --pings 30 --mailboxes 1 --linger 0 --rounds 1",
    push_under_axum_beside_push_in_lots: "peers --peers push,portable --subscribers 20 --idle 20 --rest 0 --rounds 1 --secs 0.2",
    servers_of_others_where_they_are_installed: "peers --peers nchan,redis,nats --subscribers 20 --idle 0 --rounds 1 --secs 0.2",
    phones_woken_one_by_one: "wake --kind eas --pings 30 --mailboxes 30 --changes 10 --linger 0 --rounds 1",
}

#[test]
fn a_run_of_several_scenarios_leaves_a_file_of_each_and_an_index() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().display();
    let told = program(&format!("all --quick --only connect-ws,connect-sse --out {out}"));
    assert!(told.status.success(), "{told:?}");
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).expect("it is there").flatten().collect();
    names.sort_by_key(std::fs::DirEntry::file_name);
    let names: Vec<_> = names.iter().map(|file| file.file_name().into_string().expect("UTF-8")).collect();
    for wanted in ["index.md", "connect-sse.json", "connect-sse.md", "connect-ws.json", "connect-ws.md"] {
        assert!(names.iter().any(|name| name == wanted), "{wanted}: {names:?}");
    }
}

#[test]
fn figures_of_a_fan_out_are_drawn_where_results_go_into_files() {
    let dir = tempfile::tempdir().expect("a directory");
    let out = dir.path().display();
    runs(&format!("fanout --subscribers 10,20 --size 100 --rounds 1 --secs 0.2 --out {out} --name drawn"));
    let drawn = std::fs::read_dir(dir.path()).expect("it is there").flatten();
    let pictures = drawn.filter(|file| file.path().extension().is_some_and(|end| end == "svg")).count();
    assert!(pictures > 0, "no picture");
}

#[test]
fn what_cannot_be_measured_is_refused_with_a_reason() {
    for (line, reason) in [
        ("fanout --transport none", "invalid value 'none'"),
        ("all --only none", "no run is called none"),
        ("operation none", "there is no such operation"),
    ] {
        let told = program(line);
        let err = String::from_utf8_lossy(&told.stderr);
        assert!(!told.status.success() && err.contains(reason), "{line}: {err}");
    }
}
