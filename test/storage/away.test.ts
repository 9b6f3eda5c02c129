import { isDatabaseAway } from '../../storage/away';

const coded = (code: string) => Object.assign(new Error('x'), { code });

test.each(['ECONNREFUSED', 'ECONNRESET', '57P01', '57P03', '08006', '53300', '3D000'])(
  '%s means that PostgreSQL is away',
  (code) => {
    expect(isDatabaseAway(coded(code))).toBe(true);
  },
);

test.each(['23505', '42601', '22P05', '42P01', 'ERR_INVALID_ARG_TYPE'])(
  '%s does not mean that PostgreSQL is away',
  (code) => {
    expect(isDatabaseAway(coded(code))).toBe(false);
  },
);

test('errors of the driver are known by their text, anything else is no outage', () => {
  expect(isDatabaseAway(new Error('Connection terminated unexpectedly'))).toBe(true);
  expect(isDatabaseAway(new Error('timeout exceeded when trying to connect'))).toBe(true);
  expect(isDatabaseAway(new Error('Query read timeout'))).toBe(true);
  expect(isDatabaseAway(new Error('oops'))).toBe(false);
  expect(isDatabaseAway('ECONNREFUSED')).toBe(false);
});
