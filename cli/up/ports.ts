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
  const taken: WantedPort[] = [];
  for (const port of wanted) {
    try {
      await tryListen(port.host, port.port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw unusable(port, error);
      taken.push(port);
    }
  }
  if (taken.length > 0) throw inUse(taken);
}

function inUse(taken: readonly WantedPort[]): CliFailure {
  const names = taken.map(({ port, name }) => `${port} (${name})`).join(', ');
  const variables = taken.map(({ variable }) => variable).join(', ');
  const [word, verb] = taken.length === 1 ? ['port', 'is'] : ['ports', 'are'];
  return new CliFailure(
    `${word} ${names} ${verb} in use: stop what listens there, shift every port with another VIGIL_PORT_OFFSET (such as 100), or set ${variables}`,
  );
}

function unusable({ name, host, port, variable }: WantedPort, cause: unknown): CliFailure {
  const { code, message } = cause as NodeJS.ErrnoException;
  const problem =
    code === 'EACCES'
      ? `needs more rights: set ${variable} to a port above 1023`
      : `cannot be opened on ${host} (${message}): set ${variable}`;
  return new CliFailure(`port ${port} (${name}) ${problem}`, 1, { cause });
}

/** Whether something listens there. */
export async function isTaken(host: string, port: number): Promise<boolean> {
  try {
    await tryListen(host, port);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
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
