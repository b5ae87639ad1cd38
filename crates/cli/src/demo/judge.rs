//! Ninety days later: the labels come from the log's own purchases, and the model is judged.

use anyhow::Result;
use headwater_event::{catalog::names, payload::LabelObserved};
use headwater_learn::Measures;
use serde_json::json;

use super::{
    data::{Day, PURCHASE_MADE},
    features::HORIZON_DAYS,
    import,
    predict::TODAY,
    session::Session,
    story::{Story, count},
    train::{Training, cells, metrics},
};

/// When every prediction's label is known.
const KNOWN_ON: Day = TODAY.plus(HORIZON_DAYS);

/// Lets 90 days pass, observes the labels, and compares the model with a constant.
pub(crate) async fn judge(
    session: &mut Session,
    story: &mut Story,
    training: &Training,
) -> Result<()> {
    story.step("Ninety days later, what came true");
    import::until(session, story, KNOWN_ON).await?;
    let labels = observe(session).await?;
    story.say(format!("{KNOWN_ON}: {} labels observed, one for each prediction.", count(labels)));
    let rows = session
        .ask(
            "select json_number(p.outputs, '/probability') as probability, l.label = 'true' as label
             from serving.predictions p join serving.labels l on l.prediction_id = p.prediction_id
             order by p.prediction_id",
        )
        .await?;
    let (probabilities, labels) = (rows.floats("probability")?, rows.bools("label")?);
    let model = Measures::of(&probabilities, &labels)?;
    let constant = Measures::of_constant(training.base_rate, &labels)?;
    story.table(
        &["on the same rows", "AUC", "Brier", "log loss"],
        vec![
            ["the champion".to_owned()].into_iter().chain(cells(&model)).collect(),
            [format!("constant {:.4}", training.base_rate)]
                .into_iter()
                .chain(cells(&constant))
                .collect(),
        ],
    );
    story.table(
        &["predicted", "customers", "mean prediction", "bought again"],
        calibration(&probabilities, &labels),
    );
    let better = model.auc > constant.auc && model.brier < constant.brier;
    story.check("the model beats the constant in AUC and in Brier score", better);
    let figures = |measures: &Measures| {
        let named =
            metrics(measures).into_iter().map(|(key, value)| (key.to_owned(), json!(value)));
        serde_json::Value::Object(named.collect())
    };
    story.figure(
        "judged",
        json!({
            "rows": model.rows,
            "base_rate": model.base_rate,
            "model": figures(&model),
            "constant": figures(&constant),
        }),
    );
    Ok(())
}

/// A label for each prediction: whether its customer bought within the horizon.
async fn observe(session: &Session) -> Result<usize> {
    let (from, to) = (TODAY.midnight(), KNOWN_ON.midnight());
    let sql = format!(
        "select p.prediction_id, b.subject is not null as bought_again
         from serving.predictions p
         left join (
           select distinct subject from log.events
           where type = '{PURCHASE_MADE}' and time >= timestamp '{from}' and time < timestamp '{to}'
         ) b on b.subject = json_value(p.entity, '/customer_id')
         order by p.prediction_id"
    );
    let rows = session.ask(&sql).await?;
    let ids = rows.texts("prediction_id")?;
    let count = ids.len();
    let mut events = Vec::with_capacity(count);
    for (prediction_id, bought_again) in ids.into_iter().zip(rows.bools("bought_again")?) {
        let id = format!("label-{prediction_id}");
        let observed = LabelObserved { prediction_id, label: json!(bought_again) };
        let subject = observed.prediction_id.clone();
        events.push(session.event(names::LABEL_OBSERVED, id, subject, &observed)?);
    }
    session.observe(events).await?;
    Ok(count)
}

/// What was predicted beside what came true, by fifths.
fn calibration(probabilities: &[f64], labels: &[bool]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for fifth in 0..5 {
        let (from, to) = (f64::from(fifth) * 0.2, f64::from(fifth + 1) * 0.2);
        let within = |p: f64| p >= from && (p < to || fifth == 4);
        let band: Vec<(f64, bool)> = probabilities
            .iter()
            .copied()
            .zip(labels.iter().copied())
            .filter(|(probability, _)| within(*probability))
            .collect();
        if band.is_empty() {
            continue;
        }
        let percent = |sum: f64| format!("{:.1} %", 100.0 * sum / band.len() as f64);
        rows.push(vec![
            format!("{:.0} to {:.0} %", from * 100.0, to * 100.0),
            count(band.len()),
            percent(band.iter().map(|(probability, _)| probability).sum()),
            percent(band.iter().filter(|(_, label)| *label).count() as f64),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    #[test]
    fn bands_without_customers_are_left_out() {
        let rows = super::calibration(&[0.1, 0.19, 1.0], &[false, true, true]);
        assert_eq!(
            rows,
            [["0 to 20 %", "2", "14.5 %", "50.0 %"], ["80 to 100 %", "1", "100.0 %", "100.0 %"],]
        );
    }
}
