/** One set-up at a time in a checkout: two `npm ci` in one folder take each other's files away. */
import { lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, say } from './common.mjs';

/** A link to nowhere but the id of the process that holds it: made with its content, or not at all. */
const LOCK = join(ROOT, 'dist/.set-up.lock');
const LOOK_AGAIN_MS = 200;

/** Whether somebody is at it, or died at it. */
export function isTaken() {
  return lstatSync(LOCK, { throwIfNoEntry: false }) !== undefined;
}

/** Does `work` while nobody else does any here; waits for whoever is at it. */
export async function alone(work) {
  mkdirSync(dirname(LOCK), { recursive: true });
  let told = null;
  while (!take()) {
    const holder = holderOf();
    if (holder === null) continue;
    if (!isAlive(holder)) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (told !== holder) {
      say(`waiting for process ${holder}, which sets this up (${relative(ROOT, LOCK)}) …`);
    }
    told = holder;
    await sleep(LOOK_AGAIN_MS);
  }
  const release = () => rmSync(LOCK, { force: true });
  // `fail` ends the process without a way back to here.
  process.once('exit', release);
  try {
    await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function take() {
  try {
    symlinkSync(String(process.pid), LOCK);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Null: it was let go in the meantime. */
function holderOf() {
  try {
    return Number(readlinkSync(LOCK));
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

/** One of another user is alive, though it must not be signalled. */
function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
