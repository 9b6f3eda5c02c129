import { z } from 'zod';
import type { ConfigFile } from '../../../domain/resource';
import { check, label, type Context } from '../shape';
import type { Path } from '../source';

const hexDigits = (prefix: string): RegExp => new RegExp(`^${prefix}[0-9a-fA-F]{64}$`);

export const configFileSchema = z.strictObject({
  path: z.string().min(1, 'must not be empty'),
  content: z.string().optional(),
  sha256: z.string().regex(hexDigits(''), 'must be 64 hexadecimal digits').optional(),
  checksum: z
    .string()
    .regex(hexDigits('sha256:'), 'must be sha256: and 64 hexadecimal digits')
    .optional(),
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$|^[0-7]{4}$/, 'must be octal digits in quotes, such as "0640"')
    .optional(),
  owner: z
    .string()
    .regex(/^[A-Za-z0-9_][\w.-]*(:[A-Za-z0-9_][\w.-]*)?$/, 'must be user or user:group')
    .optional(),
});

/** The files that a Service keeps; what is wrong is reported and left out. */
export function compileConfig(value: unknown, path: Path, context: Context): ConfigFile[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    context.report(path, '"config" must be a list of { path, content } or { path, sha256 }');
    return [];
  }
  const files = value.flatMap((file: unknown, i) => compileConfigFile(file, [...path, i], context));
  files.forEach((file, i) => {
    if (files.findIndex((other) => other.path === file.path) === i) return;
    context.report([...path, i, 'path'], `${label(['path'])} names ${file.path} a second time`);
  });
  return files;
}

function compileConfigFile(value: unknown, path: Path, context: Context): ConfigFile[] {
  const data = check(configFileSchema, value, { path, context });
  if (data === null) return [];
  const { content, sha256, checksum } = data;
  const given = [content, sha256, checksum].filter((one) => one !== undefined);
  if (given.length !== 1) {
    context.report(path, 'a config file needs either "content" or "sha256"');
    return [];
  }
  const attributes = attributesOf(data);
  if (content !== undefined) return [{ kind: 'content', path: data.path, content, ...attributes }];
  const hex = (sha256 ?? checksum ?? '').replace('sha256:', '').toLowerCase();
  return [{ kind: 'checksum', path: data.path, sha256: hex, ...attributes }];
}

function attributesOf({
  mode,
  owner,
}: z.output<typeof configFileSchema>): Pick<ConfigFile, 'mode' | 'owner'> {
  return { ...(mode === undefined ? {} : { mode }), ...(owner === undefined ? {} : { owner }) };
}
