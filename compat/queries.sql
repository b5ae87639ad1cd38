select customer, orders, total, last_channel, first_at from order_totals order by customer
select customer, window_start, orders, mean_total from orders_weekly order by customer, window_start
select customer, score from scores order by customer
select run_id, experiment_id, name, status, started_at, ended_at from runs order by run_id
select run_id, key, value, step, timestamp from metric_history order by run_id, key, step
select run_id, key, value, step from latest_metrics order by run_id, key
select project, name, experiment_id from experiments order by project, name
select name, version, sha256 from model_versions order by name, version
select name, alias, version from model_aliases order by name, alias
select rollout, revision, sticky, shares from rollout_history order by rollout, revision
select p.prediction_id, p.outputs, p.latency_ms, l.label from predictions p left join labels l on l.prediction_id = p.prediction_id order by p.prediction_id
select reason, event_type, subject, detail from rejections order by reason, event_type, subject, detail
select reason, event_type, key, detail from dead_letters order by reason, event_type, key, detail
select name, active, version from feature_views order by name
select type, dataschema, count(*) as n from events group by type, dataschema order by type, dataschema
select customer, window_start, orders from orders_of_two_days order by customer, window_start
select customer, window_start, window_end, closed_at, corrections, orders from order_days order by customer, window_start
select customer, window_start, window_end, closed_at, corrections, orders from order_sessions order by customer, window_start
select channel, orders from channel_orders order by channel
select view, subject, window_start, watermark, event_time from late_events order by view, subject, event_time
select hash from topologies order by hash
select sum(records) as records, sum(accepted) as accepted, sum(repeats) as repeats, sum(rejections) as rejections, sum(dead_letters) as dead_letters, sum(misrouted) as misrouted from positions
