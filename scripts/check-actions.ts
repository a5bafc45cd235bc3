import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { z } from 'zod';

/*
 * The encryption key of Server Actions is public (scripts/build.ts), so no action may have bound or
 * captured values, which React sends to the browser. Schemas must be strict, because an action that
 * ignored an unknown field could change more than intended.
 */

const FOLDERS = ['app', 'components', 'lib'];
const DIRECTIVE = 'use server';

/** Returns one sentence per violation in the project at `root`. */
export function findActionProblems(root: string): string[] {
  return FOLDERS.flatMap((folder) => {
    const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' });
    return files
      .filter((file) => /\.tsx?$/.test(file) && !/\.test\.tsx?$/.test(file))
      .flatMap((file) => {
        const name = path.join(folder, file);
        return findFileProblems(name, readFileSync(path.join(root, name), 'utf8'));
      });
  });
}

/** Returns the violations in one file. */
export function findFileProblems(name: string, text: string): string[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true);
  const problems: string[] = [];
  const report = (node: ts.Node, sentence: string) =>
    problems.push(
      `${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${sentence}`,
    );
  const isActionModule = hasDirective(source.statements);
  if (isActionModule) source.statements.forEach((statement) => checkExport(statement, report));
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node) && hasDirective(node.statements))
      report(
        node,
        `a function must not have its own '${DIRECTIVE}' directive: export it from a module with one.`,
      );
    if (isBindReference(node))
      report(node, 'bind must not be used: values bound to an action are sent to the browser.');
    if (isActionModule && isLooseObject(node))
      report(node, 'the schema of an action must be z.strictObject.');
    ts.forEachChild(node, visit);
  };
  visit(source);
  return problems;
}

/** Directives are the string statements at the beginning of a module or function. */
function hasDirective(statements: readonly ts.Statement[]): boolean {
  for (const statement of statements) {
    if (!ts.isExpressionStatement(statement) || !ts.isStringLiteral(statement.expression)) break;
    if (statement.expression.text === DIRECTIVE) return true;
  }
  return false;
}

function checkExport(
  statement: ts.Statement,
  report: (node: ts.Node, sentence: string) => void,
): void {
  const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : [];
  const isExported = modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  const isExport =
    isExported || ts.isExportDeclaration(statement) || ts.isExportAssignment(statement);
  const isType =
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement) ||
    (ts.isExportDeclaration(statement) && statement.isTypeOnly);
  if (isExport && !isType && !ts.isFunctionDeclaration(statement))
    report(statement, `a '${DIRECTIVE}' module must export function declarations only.`);
}

/** `x.bind`, `x?.bind`, `x['bind']` and `const { bind } = x`. */
function isBindReference(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'bind';
  if (ts.isElementAccessExpression(node))
    return (
      ts.isStringLiteralLike(node.argumentExpression) && node.argumentExpression.text === 'bind'
    );
  return ts.isBindingElement(node) && (node.propertyName ?? node.name).getText() === 'bind';
}

function isLooseObject(node: ts.Node): boolean {
  return (
    ts.isPropertyAccessExpression(node) &&
    node.expression.getText() === 'z' &&
    ['object', 'looseObject', 'any', 'record'].includes(node.name.text)
  );
}

const actions = z.record(
  z.string(),
  z.object({ filename: z.string().optional(), exportedName: z.string().optional() }),
);
const actionManifest = z.object({ node: actions, edge: actions });

/** Returns the violations in a build; `manifest` is its server-reference-manifest.json. */
export function findManifestProblems(manifest: string): string[] {
  const { node, edge } = actionManifest.parse(JSON.parse(manifest));
  return Object.entries({ ...node, ...edge })
    .filter(([, { exportedName = '' }]) => !/^[A-Za-z]\w*$/.test(exportedName))
    .map(
      ([id, { filename, exportedName }]) =>
        `${filename}: the action ${exportedName ?? id} is inline.`,
    );
}
