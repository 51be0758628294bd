//! The transport conformance list: one set of expectations over every transport, on every way of serving them.
//!
//! Written from the published surface alone. A new transport joins by a line in the lists below and a client in
//! `testkit`; what it must do is then already written.

mod headers;
mod heard;
mod old_http;
mod opening;
mod ordering;
mod overflow;
mod payloads;
mod pictures;
mod polling;
mod publishing;
mod reconnects;
mod recovery;
mod refusals;
mod selection;
mod target;
mod websocket;

/// One case over some transports, each on each way of serving.
macro_rules! case_over {
    ($from:ident, $case:ident, $($module:ident: $transport:ident),+) => {
        mod $case { $(
            mod $module {
                use crate::target::Path;
                use testkit::Transport;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn under_axum_serve() {
                    crate::$from::$case(Path::AxumServe, Transport::$transport).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn under_our_own_server_by_tasks() {
                    crate::$from::$case(Path::OwnTasks, Transport::$transport).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn under_our_own_server_by_lots() {
                    crate::$from::$case(Path::OwnLots, Transport::$transport).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn under_our_own_server_by_the_shortcut() {
                    crate::$from::$case(Path::OwnShortcut, Transport::$transport).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn under_our_own_server_by_tls() {
                    crate::$from::$case(Path::OwnTls, Transport::$transport).await;
                }
            }
        )+ }
    };
}

/// Cases over every transport.
macro_rules! over_all {
    ($($from:ident::$case:ident),+ $(,)?) => { $(
        case_over!($from, $case, sse_json: SseJson, sse_raw: SseRaw, poll: Poll, poll_post: PollPost, poll_raw: PollRaw,
            ndjson: Ndjson, script: Script, ws_json: WsJson, ws_raw: WsRaw, mixed: Mixed, mixed_json: MixedJson);
    )+ };
}

/// Cases over those that tell every cursor and every loss.
macro_rules! over_resumable {
    ($($from:ident::$case:ident),+ $(,)?) => { $(
        case_over!($from, $case, sse_json: SseJson, sse_raw: SseRaw, poll: Poll, poll_post: PollPost,
            ndjson: Ndjson, script: Script, ws_json: WsJson);
    )+ };
}

/// Cases over those that carry envelopes and never skip.
macro_rules! over_envelopes {
    ($($from:ident::$case:ident),+ $(,)?) => { $(
        case_over!($from, $case, sse_json: SseJson, poll: Poll, poll_post: PollPost, ndjson: Ndjson, script: Script,
            ws_json: WsJson);
    )+ };
}

/// Cases over those that hold a connection open while they deliver and never skip.
macro_rules! over_streaming {
    ($($from:ident::$case:ident),+ $(,)?) => { $(
        case_over!($from, $case, sse_json: SseJson, sse_raw: SseRaw, ndjson: Ndjson, script: Script, ws_json: WsJson);
    )+ };
}

/// Cases that are about no transport.
macro_rules! over_paths {
    ($($from:ident::$case:ident),+ $(,)?) => { $(
        mod $case {
            use crate::target::Path;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn under_axum_serve() {
                crate::$from::$case(Path::AxumServe).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn under_our_own_server_by_tasks() {
                crate::$from::$case(Path::OwnTasks).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn under_our_own_server_by_lots() {
                crate::$from::$case(Path::OwnLots).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn under_our_own_server_by_the_shortcut() {
                crate::$from::$case(Path::OwnShortcut).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn under_our_own_server_by_tls() {
                crate::$from::$case(Path::OwnTls).await;
            }
        }
    )+ };
}

mod every_transport {
    over_all! {
        payloads::every_payload_arrives_as_its_form_has_it,
        refusals::what_is_wrong_is_refused_by_name,
        headers::an_answer_carries_the_headers_that_protect_it,
    }
}

mod resumable_transports {
    over_resumable! {
        ordering::publications_come_in_the_order_published,
        ordering::three_channels_come_in_one_sequence_order,
        ordering::a_publication_that_is_not_retained_is_heard_live_and_never_missed,
        opening::the_starting_cursor_is_told_before_any_publication,
        opening::a_client_cut_before_its_first_publication_loses_nothing,
        opening::start_replays_what_is_retained_and_goes_on,
        opening::last_replays_the_newest_of_all_channels_together,
        opening::now_hears_only_what_is_new,
        recovery::the_cursor_of_each_publication_resumes_after_it,
        recovery::a_cursor_resumes_on_every_other_transport,
        recovery::what_was_trimmed_is_told_as_partial,
        recovery::what_was_forgotten_is_told_as_partial,
        recovery::a_cursor_of_another_life_of_the_hub_is_lost_and_told,
        recovery::a_loss_without_anything_to_follow_is_told_at_once,
        recovery::the_cursor_after_a_loss_resumes_complete,
        recovery::every_channel_that_lost_is_named,
        selection::patterns_select_by_segments,
        selection::system_channels_are_outside_of_first_segment_stars,
        selection::a_channel_born_after_its_pattern_was_subscribed_is_heard,
        selection::a_publication_matched_several_times_comes_once,
        selection::a_pattern_resumes_like_a_channel,
        overflow::a_slow_reader_reads_on_and_is_told_what_it_lost,
        reconnects::hundreds_of_reconnects_lose_and_repeat_nothing,
        reconnects::reconnects_over_a_short_history_tell_every_loss,
    }
}

mod envelope_transports {
    over_envelopes! {
        ordering::offsets_ids_and_channels_are_those_the_publisher_was_told,
        payloads::events_keys_and_types_come_with_the_envelope,
        payloads::the_envelope_is_the_same_bytes_as_in_history,
    }
}

mod streaming_transports {
    over_streaming! {
        overflow::a_slow_reader_that_asked_for_the_latest_gets_the_newest_per_key,
        overflow::a_slow_reader_that_asked_to_be_disconnected_is_told_3008,
        refusals::an_operators_disconnect_is_told,
    }
}

mod no_transport {
    over_paths! {
        reconnects::reconnects_over_changing_transports_lose_and_repeat_nothing,
        refusals::routes_and_methods_that_do_not_exist_say_so,
        payloads::a_raw_event_stream_names_events_and_hides_nothing,
        publishing::several_channels_are_answered_in_the_order_asked,
        publishing::one_refused_channel_refuses_the_whole,
        publishing::a_batch_is_answered_line_by_line,
        publishing::a_batch_keeps_the_order_of_each_channel,
        publishing::a_batch_cut_off_publishes_nothing,
        publishing::the_same_push_id_publishes_once,
        publishing::concurrent_publications_of_one_push_id_publish_once,
        publishing::another_payload_under_a_push_id_is_a_conflict,
        publishing::every_bad_publication_is_refused_by_name,
        publishing::default_types_are_those_of_the_surface,
        publishing::history_pages_and_counts,
        publishing::subscribers_are_counted_on_publishing,
        polling::an_expired_poll_says_where_to_go_on,
        polling::a_parked_poll_is_answered_by_what_it_waited_for,
        polling::an_answer_is_limited_in_events_and_bytes,
        polling::a_raw_poll_names_everything_in_headers,
        polling::the_header_wins_over_since_and_last,
        polling::the_retry_of_an_event_stream_has_jitter,
        polling::a_cut_poll_takes_nothing_with_it,
        polling::the_forever_frame_is_a_document_that_browsers_start_at_once,
        pictures::a_new_reader_gets_the_newest_picture_at_once,
        pictures::a_slow_reader_gets_the_newest_picture,
        pictures::active_types_go_out_as_text,
        pictures::refresh_sends_the_newest_again,
        websocket::operations_are_answered_with_their_seq,
        websocket::what_is_not_an_operation_is_an_error_and_never_the_end,
        websocket::binary_on_json_is_1003,
        websocket::a_subscription_by_operation_recovers_from_its_cursor,
        websocket::subscribing_twice_is_already_subscribed,
        websocket::an_unsubscribed_channel_falls_silent,
        websocket::raw_frames_are_text_or_binary_as_the_payload_is,
        websocket::what_a_raw_client_says_is_ignored,
        websocket::the_subprotocol_asked_for_is_chosen,
        websocket::the_echo_is_off_unless_asked_for,
        websocket::a_subscription_that_joins_under_publishing_misses_nothing,
        websocket::a_payload_of_a_mebibyte_can_be_published_by_operation,
        old_http::a_client_of_http_1_0_reads_until_the_end,
        old_http::head_has_no_body_and_does_not_park,
        old_http::pipelined_polls_are_answered_in_order,
    }
}
