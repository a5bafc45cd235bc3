/** The text of an error, scrollable. */
export function ErrorText({ text, label }: { text: string; label: string }) {
  return (
    <div
      tabIndex={0}
      role="group"
      aria-label={label}
      className={
        'max-h-60 overflow-auto rounded-md bg-danger-wash px-3 py-2 font-mono text-sm ' +
        'break-words whitespace-pre-wrap any-break'
      }
    >
      {text}
    </div>
  );
}
