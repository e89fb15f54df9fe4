//! The payment provider as a run plays it: reports each payment to the shop when its time has come.
//! Owns the waiting; who pays what is the buyers' business.

use std::sync::Arc;

use anyhow::Result;
use hawker_protocol::object::{Order, PaymentOutcome};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::api::Api;

/// Money that will be reported.
#[derive(Debug)]
pub(crate) struct Payment {
    pub(crate) at: Instant,
    pub(crate) order: Order,
}

/// What the shop said to a payment: yes, no with a code, or nothing at all.
pub(crate) type Told = Result<std::result::Result<(), String>>;

/// Reports payments until nobody owes any, and tells what came of each.
pub(crate) async fn pay<F>(api: Arc<Api>, mut due: mpsc::UnboundedReceiver<Payment>, tell: F)
where
    F: Fn(&Order, Told) + Clone + Send + 'static,
{
    let mut paying = JoinSet::new();
    while let Some(Payment { at, order }) = due.recv().await {
        let (api, tell) = (Arc::clone(&api), tell.clone());
        paying.spawn(async move {
            sleep_until(at).await;
            let payment = format!("pay-{}", order.order);
            let told = api.pay(&order, &payment, PaymentOutcome::Succeeded).await;
            tell(&order, told);
        });
    }
}
