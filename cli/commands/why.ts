import type { Command } from 'commander';
import { Why } from '../answers';
import { resourcePath, talksToApi } from '../output';

export function register(program: Command): void {
  talksToApi(
    program
      .command('why')
      .description('why Vigil does something about a resource, or nothing')
      .argument('<resource>', 'name, or namespace/name'),
    async ({ api, args: [resource = ''], show }) => {
      const why = await api.get(`/resources/${resourcePath(resource)}/why`, Why);
      show(why, () => why.text);
    },
  );
}
