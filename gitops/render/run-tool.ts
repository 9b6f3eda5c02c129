import { spawn } from 'node:child_process';

export interface ToolResult {
  /** `overflow`: it wrote more than may be taken. */
  kind: 'ended' | 'late' | 'overflow';
  exitCode: number | null;
  stdout: string;
  stderr: string;
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * Runs a program without a shell, in a process group of its own. What takes too long or writes too
 * much is killed with all that it started. Rejects (with an errno `code`) only where it cannot be run.
 */
export function runTool(
  program: string,
  args: readonly string[],
  { cwd, env, timeoutMs }: { cwd: string; env: NodeJS.ProcessEnv; timeoutMs: number },
): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], {
      ...{ cwd, env, detached: true },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let kind: ToolResult['kind'] = 'ended';
    const end = (why: ToolResult['kind']): void => {
      kind = why;
      endGroup(child.pid);
      // Whoever left the group still holds the pipes.
      child.stdout.destroy();
      child.stderr.destroy();
    };
    const timer = setTimeout(end, timeoutMs, 'late');
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let [written, complained] = [0, 0];
    child.stdout.on('data', (part: Buffer) => {
      written += part.length;
      stdout.push(part);
      if (written > MAX_OUTPUT_BYTES) end('overflow');
    });
    child.stderr.on('data', (part: Buffer) => {
      if (complained < MAX_ERROR_BYTES) stderr.push(part);
      complained += part.length;
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on('close', (exitCode) => {
      clearTimeout(timer);
      // What it left running is nobody's.
      endGroup(child.pid);
      const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString('utf8');
      resolve({ kind, exitCode, stdout: text(stdout), stderr: text(stderr) });
    });
  });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}
