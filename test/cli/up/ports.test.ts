import { createServer, type AddressInfo, type Server } from 'node:net';
import { checkPorts, freePort } from '../../../cli/up/ports';

let server: Server;
let taken: number;
beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  taken = (server.address() as AddressInfo).port;
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

test('ports that are free pass', async () => {
  const port = await freePort();
  await checkPorts([{ name: 'api', host: '127.0.0.1', port, variable: 'VIGIL_API_PORT' }]);
});

test('every port that is taken is named with its remedies', async () => {
  const wanted = [
    { name: 'api', host: '127.0.0.1', port: taken, variable: 'VIGIL_API_PORT' },
    { name: 'Temporal', host: '127.0.0.1', port: taken, variable: 'VIGIL_TEMPORAL_PORT' },
  ];
  await expect(checkPorts(wanted)).rejects.toThrow(
    `ports ${taken} (api), ${taken} (Temporal) are in use: stop what listens there, shift every port with another VIGIL_PORT_OFFSET (such as 100), or set VIGIL_API_PORT, VIGIL_TEMPORAL_PORT`,
  );
});

test('an address that is not of this machine is named', async () => {
  const wanted = [{ name: 'api', host: '192.0.2.1', port: 0, variable: 'VIGIL_API_PORT' }];
  await expect(checkPorts(wanted)).rejects.toThrow(/cannot be opened on 192\.0\.2\.1/);
});
