import { fillTemplate, paramsIn, type TemplateSource } from '../../../domain/action/template';

/**
 * The arguments of a command with their placeholders replaced, each within its own argument. Throws
 * where a value is not there, where a parameter of the step would be ignored, and where a value that
 * begins an argument would be read as an option.
 */
export function argumentsOf(command: readonly string[], source: TemplateSource): string[] {
  const templates = command.slice(1);
  const unused = Object.keys(source.params ?? {}).filter(
    (name) => !templates.some((template) => paramsIn(template).includes(name)),
  );
  if (unused.length > 0) {
    throw new Error(`its command does not use the parameter ${unused.join(', ')}: {params.NAME}`);
  }
  const optionsEnd = templates.indexOf('--');
  return templates.map((template, i) => {
    const filled = fillTemplate(template, source);
    if (!filled.ok) throw new Error(filled.message);
    if (filled.text.includes('\0')) throw new Error(`${template} would hold a NUL character`);
    const mayBeOption = optionsEnd === -1 || i < optionsEnd;
    if (mayBeOption && filled.text.startsWith('-') && !template.startsWith('-')) {
      throw new Error(
        `${template} would be the option "${filled.text}": put "--" before it, or write --name=${template}`,
      );
    }
    return filled.text;
  });
}
