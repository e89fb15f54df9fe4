//! What the hub counts.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

#[tokio::test(start_paused = true)]
async fn deliveries_writes_bytes_and_skips_are_counted_without_naming_anybody() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let mut house = metrics::with_local_recorder(&recorder, House::new);
    let (ann, ann_in_room) = house.viewer();
    let bob = house.guest(fake::Pipe::narrow(1));
    let _bob_in_room = house.hub.join(&topic(), bob.connection()).start();
    house.publish(Class::Critical);
    settle().await;
    let text = recorder.handle().render();
    for line in [
        "hawker_connections 2",
        "hawker_deliveries_total 2",
        "hawker_writes_total 2",
        // Ann's frame of three bytes, and the byte that Bob's pipe holds.
        "hawker_written_bytes_total 4",
        "hawker_tick_seconds_count 1",
        "hawker_lag_seconds_count{class=\"critical\"} 1",
        "hawker_outbox_bytes_count 1",
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }

    let filler = Frame::line(&[b'x'; 200_000]);
    assert_eq!(bob.connection().send(&filler), Sent::Queued);
    house.publish(Class::Lossy);
    pass_ms(60).await;
    let text = recorder.handle().render();
    assert!(text.contains("hawker_skipped_total{class=\"lossy\"} 1"), "{text}");
    assert!(!text.contains("acme") && !text.contains("r1"), "{text}");
    drop((ann, ann_in_room));
    assert!(recorder.handle().render().contains("hawker_connections 1"));
}
