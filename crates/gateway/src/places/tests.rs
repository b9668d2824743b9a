use super::*;
use futures::FutureExt as _;

const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_longest_idle_gives_way_and_the_busy_does_not() {
    let places = Places::new(3);
    let taken = [places.take().await, places.take().await, places.take().await];
    let [first, second, third] = taken.map(|place| place.expect("a place"));
    first.busy();
    second.answered();
    let mut next = Box::pin(places.take());
    assert!(next.as_mut().now_or_never().is_none(), "all places are taken");
    timeout(PATIENCE, third.wanted()).await.expect("the third idles longer than the second");
    assert!(second.wanted().now_or_never().is_none());
    drop(third);
    let fourth = timeout(PATIENCE, next).await.expect("a place").expect("a place");
    assert!(first.wanted().now_or_never().is_none(), "a busy connection is left alone");
    drop((first, second, fourth));
    timeout(PATIENCE, places.all_free(3)).await.expect("all places are free again");
}

#[tokio::test]
async fn one_that_was_answered_idles_again() {
    let places = Places::new(1);
    let only = places.take().await.expect("a place");
    only.busy();
    let waiting = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.take().await.is_some() }
    });
    tokio::time::sleep(EVICTION_PAUSE * 5).await;
    assert!(only.wanted().now_or_never().is_none());
    only.answered();
    timeout(PATIENCE, only.wanted()).await.expect("whoever waits is not forgotten");
    drop(only);
    assert!(waiting.await.expect("no panic"));
}

#[tokio::test]
async fn an_answer_may_be_written_for_a_moment_and_nothing_else_waits() {
    let places = Places::new(1);
    let place = places.take().await.expect("a place");
    places.evict();
    assert!(place.wanted().await <= Instant::now(), "it has nothing to write");
    place.busy();
    let before = Instant::now();
    place.answered();
    places.evict();
    let until = place.wanted().await;
    assert!((before + WRITING..=Instant::now() + WRITING).contains(&until), "the answer has its time");
}
