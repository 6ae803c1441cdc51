"""Decisions without I/O: what production, simulation and the tests all call.

Nothing in here knows what time it is or can toss a coin. The time is an argument
(``now_ns``, whole nanoseconds on any clock that does not run backwards), a toss is an
argument (``uniform``, drawn from [0, 1)), and what was decided is the return value. A
refusal is a value too; an exception means that a policy was configured wrongly.

``reference_services`` calls these with the monotonic clock, ``sim`` with simulated time,
``properties`` with whatever Hypothesis comes up with. So that all three can rely on it,
only the timeless part of the standard library is imported; import-linter checks that.

Each module holds one decision and is imported by its name. By what they decide about:

limits        rate_limit token_bucket sliding_counter fixed_window joint_limit suspicion
              store_failure
calls         circuit_breaker retry hedging timeouts admission concurrency_limit codel
              queue_discipline
caches        cache freshness versioned_entry eviction eviction_s3fifo coalescing
balancing     balancing weighted_balancing latency_balancing consistent_hashing outlier_ejection
              draining
failover      health failover replica_lag
autoscaling   autoscale hpa_metrics hpa_behaviour keda scheduled_scaling shrink_guard
work          ageing_queue fair_share dead_letter idempotency lease batching
GPUs, models  device_room placement backfill model_choice allowance warm_models
connections   connection_pool
"""
