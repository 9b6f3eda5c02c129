/**
 * Ends with 0 when a container's process is healthy, else with 1 and one line that says why.
 *
 *   healthcheck.mjs PORT     the process answers /health, and is not down
 *   healthcheck.mjs agent    the collector has got samples of this agent's host lately
 */
import { readFileSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import process from 'node:process';
import { URL } from 'node:url';

const TIMEOUT_MS = 4000;
/** Two rounds of the agent's slowest interval, and the time that a flush may take. */
const RECENT_MS = 60_000;

/** Resolves with the body of a 2xx; rejects otherwise. */
function fetchText(url, headers) {
  const get = url.protocol === 'https:' ? getHttps : getHttp;
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, timeout: TIMEOUT_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      response.on('end', () => {
        const { statusCode } = response;
        if (statusCode >= 200 && statusCode < 300) resolve(body);
        else reject(new Error(`${url.href} answers ${statusCode}: ${body}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url.href} does not answer`)));
    request.on('error', reject);
  });
}

async function checkAgent(env) {
  const url = new URL('/api/v1/query', env.VIGIL_AGENT_API_URL);
  url.searchParams.set('name', 'cpu_usage');
  url.searchParams.set('tag', `host=${env.VIGIL_AGENT_HOST}`);
  url.searchParams.set('from', String(Date.now() - RECENT_MS));
  url.searchParams.set('limit', '1');
  const file = env.VIGIL_AGENT_TOKEN_FILE;
  const headers = file ? { authorization: `Bearer ${readFileSync(file, 'utf8').trim()}` } : {};
  const { items } = JSON.parse(await fetchText(url, headers));
  if (items.length === 0) throw new Error(`no sample of ${env.VIGIL_AGENT_HOST} for a minute`);
}

async function main(what) {
  if (what === 'agent') return checkAgent(process.env);
  const port = Number(what);
  if (!Number.isInteger(port)) throw new Error('usage: healthcheck.mjs PORT|agent');
  return fetchText(new URL(`http://127.0.0.1:${port}/health`), {});
}

main(process.argv[2]).then(
  () => process.exit(0),
  (error) => {
    process.stdout.write(`${error.message || error.code}\n`);
    process.exit(1);
  },
);
