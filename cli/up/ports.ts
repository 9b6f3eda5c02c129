import { createServer, type AddressInfo } from 'node:net';
import { CliFailure } from '../failure';

export interface WantedPort {
  name: string;
  host: string;
  port: number;
  /** Variable that moves this port alone. */
  variable: string;
}

/** A port of the loopback address that nothing listens on now. */
export async function freePort(): Promise<number> {
  return tryListen('127.0.0.1', 0);
}

/**
 * Tries every port, since a server that finds its own taken would leave its clients talking to
 * somebody else. Throws CliFailure naming all that cannot be had.
 */
export async function checkPorts(wanted: readonly WantedPort[]): Promise<void> {
  const problems: string[] = [];
  for (const port of wanted) {
    const problem = await tryPort(port);
    if (problem !== null) problems.push(problem);
  }
  if (problems.length > 0) throw new CliFailure(problems.join('\n'));
}

async function tryPort({ name, host, port, variable }: WantedPort): Promise<string | null> {
  try {
    await tryListen(host, port);
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      return `port ${port} (${name}) is in use: stop what listens there, set ${variable}, or shift every port with VIGIL_PORT_OFFSET=100`;
    }
    if (code === 'EACCES') {
      return `port ${port} (${name}) needs more rights: set ${variable} to a port above 1023`;
    }
    return `port ${port} (${name}) cannot be opened on ${host} (${message}): set ${variable}`;
  }
}

async function tryListen(host: string, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const found = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return found;
}
