// Any scenario of ours as k6 runs it: arrivals at a given rate, which wait for nobody.
//
// Started by `wavetank load SCENARIO --with k6`, which writes the options file (see
// worlds/load/k6_run.py). An arrival that finds no free virtual user is dropped by k6, and
// its latency with it; so one dropped arrival fails the run.

import { check } from 'k6';
import http from 'k6/http';

const options_file = JSON.parse(open(__ENV.WAVETANK_K6));

export const options = {
  scenarios: { scenario: options_file.executor },
  thresholds: { dropped_iterations: ['count==0'], checks: ['rate==1'] },
  summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max'],
};

// Weights become running sums, so that one draw finds its class, user or key by bisection.
function pick(sums) {
  const drawn = Math.random() * sums[sums.length - 1];
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle] > drawn) high = middle;
    else low = middle + 1;
  }
  return low;
}

function filled(text, key) {
  return text.split('{key}').join(String(key));
}

export default function sendOne() {
  const request = options_file.classes[pick(options_file.class_sums)];
  const user = options_file.users[pick(options_file.user_sums)];
  const key = request.key_sums.length ? 1 + pick(request.key_sums) : 0;
  const body = request.body === null ? null : filled(request.body, key);
  const reply = http.request(request.method, options_file.url + filled(request.path, key), body, {
    headers: { 'X-API-Key': user.key, 'Content-Type': 'application/json' },
    tags: { name: request.name },
  });
  check(reply, {
    'answered, or told when to return': (r) =>
      (r.status >= 200 && r.status < 400) || r.status === 429 || r.status === 503,
  });
}
