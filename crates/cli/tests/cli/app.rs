//! Events of the app that `headwater init` writes.

use serde_json::json;

/// Line `n` of many: one of seven customers, a total of `n` hundredths.
pub(crate) fn order(n: u64) -> String {
    let customer = format!("customer-{}", n % 7);
    let event = json!({
        "specversion": "1.0",
        "id": format!("order-{n}"),
        "source": "test",
        "type": "app.order.placed",
        "subject": customer,
        "time": "2026-01-05T09:30:00Z",
        "data": {
            "customer": customer,
            "total": format!("{}.{:02}", n / 100, n % 100).parse::<f64>().unwrap(),
            "items": [{ "name": "pencil", "quantity": 1 }],
        },
    });
    event.to_string()
}

/// Lines of orders.
pub(crate) fn orders(numbers: std::ops::Range<u64>) -> String {
    numbers.map(|n| order(n) + "\n").collect()
}
