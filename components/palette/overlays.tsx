'use client';

import { PaletteMessages } from '../i18n/more-messages';
import { KeySheet } from './key-sheet';
import { Palette } from './palette';

interface Props {
  overlay: 'palette' | 'keys';
  onShow: (overlay: 'palette' | 'keys') => void;
  onToggleLive: () => void;
  onClose: () => void;
}

/** The palette or the sheet of keys, loaded when it opens first. */
export default function Overlays({ overlay, onShow, onToggleLive, onClose }: Props) {
  return (
    <PaletteMessages>
      {overlay === 'palette' ? (
        <Palette onShowKeys={() => onShow('keys')} onToggleLive={onToggleLive} onClose={onClose} />
      ) : (
        <KeySheet onClose={onClose} />
      )}
    </PaletteMessages>
  );
}
