import { safeUrl } from '../../api/safe-url';

test.each([
  ['/approve?token=abc.def', '/approve?token=…'],
  ['/approve?a=1&token=abc&b=2', '/approve?a=1&token=…&b=2'],
  ['/actions?limit=2', '/actions?limit=2'],
])('%s is logged as %s', (url, logged) => {
  expect(safeUrl(url)).toBe(logged);
});
