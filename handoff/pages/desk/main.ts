import { createApp } from 'vue'
import '../../../core/pages/styles/tokens.css'
import '../../../core/pages/styles/base.css'
import '../../../core/pages/theme'
import App from './App.vue'

createApp(App).mount('#app')
